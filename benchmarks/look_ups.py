"""Ten thousand look-ups in the store by a process that has just begun, and what looking at each result adds."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measuring import Row, say, scratch
from filmforge.store import Record, Store, digest_of
from filmforge.store.files import Files
from filmforge.store.snapshot import GRAIN

LOOK_UPS, LOOK_UP_GOAL = 10_000, 0.05


def measure() -> list[Row]:
    """Two rows: what each of ten thousand steps made, against the goal; and that with a look at each result on the disk."""
    return _look_ups()


class _Quick(Files):
    """The disk without its waits: making ten thousand records is no part of what is measured."""

    def sync_file(self, path: Path) -> None: ...

    def sync_dir(self, path: Path) -> None: ...


def _look_ups() -> list[Row]:
    """Ten thousand records found by a process that has just begun, as a plan does, after one before it."""
    with scratch() as folder:
        say(f"{LOOK_UPS:,} look-ups")
        store = Store(folder / "store", files=_Quick())
        for number in range(LOOK_UPS):
            blob = store.blobs.put_bytes(b"%d" % number)
            key = digest_of("look-up", number)
            params = {"prompt": f"shot {number}"}
            store.records.put(
                Record(
                    key,
                    "plate",
                    f"plate/{number}",
                    params,
                    {},
                    {"main": blob},
                    {},
                    0.1,
                    "2026-01-01T00:00:00Z",
                )
            )
        program = (
            "import resource, sys, time; from pathlib import Path; from filmforge.store import Store, digest_of\n"
            f"keys = [digest_of('look-up', n) for n in range({LOOK_UPS})]\n"
            "before = resource.getrusage(resource.RUSAGE_SELF)\n"
            "began = time.perf_counter()\n"
            "with Store(Path(sys.argv[1])).records.snapshot() as records:\n"
            "    found = [records.get(key) for key in keys]; known = time.perf_counter() - began\n"
            "    assert all(found) and all(map(records.find, keys))\n"
            "wall = time.perf_counter() - began; after = resource.getrusage(resource.RUSAGE_SELF)\n"
            "import os; root = sys.argv[1]\n"
            "digests = [b.digest for r in found for b in r.outputs.values()]\n"
            "places = [f'{root}/blobs/{d[:2]}/{d}' for d in digests]\n"
            "began = time.perf_counter(); [os.stat(place) for place in places]; alone = time.perf_counter() - began\n"
            "processor = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime\n"
            "print(known, wall, processor, alone)"
        )
        time.sleep(GRAIN / 1e9)
        took = []
        for _ in range(6):
            command = [sys.executable, "-c", program, str(folder / "store")]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            took.append(tuple(map(float, said.split())))
        known, wall, processor, alone = (min(column) for column in zip(*took[1:], strict=True))
        goal = f"goal {LOOK_UP_GOAL * 1000:.0f} ms"
        return [
            Row(
                f"{LOOK_UPS:,} look-ups of what a step made, the best of five",
                f"{known * 1000:.0f} ms",
                goal,
                known / LOOK_UP_GOAL,
                1.0,
                "from the start of a process, its index read",
            ),
            Row(
                f"{LOOK_UPS:,} look-ups, and a look at each result on the disk",
                f"{wall * 1000:.0f} ms",
                f"these looks alone {alone * 1000:.0f} ms",
                wall / alone,
                None,
                f"{processor * 1000:.0f} ms of processor time",
            ),
        ]
