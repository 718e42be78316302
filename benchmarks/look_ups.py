"""Ten thousand look-ups in the store by a process that has just begun, beside the looks at the disk alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import Row, say, scratch
from filmforge.store import Record, Store, digest_of
from filmforge.store.files import Files

LOOK_UPS, LOOK_UP_GOAL = 10_000, 0.05


def measure() -> list[Row]:
    """One row: the look-ups against the goal, with what one `stat` of each record and of each result takes by itself."""
    return [_look_ups()]


class _Quick(Files):
    """The disk without its waits: making ten thousand records is no part of what is measured."""

    def sync_file(self, path: Path) -> None: ...

    def sync_dir(self, path: Path) -> None: ...


def _look_ups() -> Row:
    """Ten thousand records found, results and all, by a process that has just begun."""
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
            "    found = {key: records.get(key) for key in keys}; known = time.perf_counter() - began\n"
            "    assert all(map(records.find, keys))\n"
            "wall = time.perf_counter() - began; after = resource.getrusage(resource.RUSAGE_SELF)\n"
            "assert len(found) == len(keys)\n"
            "import os; root = sys.argv[1]\n"
            "places = [f'{root}/records/{k[:2]}/{k}.json' for k in found]\n"
            "blobs = [b.digest for r in found.values() for b in r.outputs.values()]\n"
            "places += [f'{root}/blobs/{d[:2]}/{d}' for d in blobs]\n"
            "began = time.perf_counter(); [os.stat(place) for place in places]; alone = time.perf_counter() - began\n"
            "print(wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, alone)"
        )
        took = []
        for _ in range(5):
            command = [sys.executable, "-c", program, str(folder / "store")]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            took.append(tuple(map(float, said.split())))
        wall, processor, alone = (min(column) for column in zip(*took, strict=True))
        return Row(
            f"{LOOK_UPS:,} look-ups in the store, the best of five",
            f"{wall * 1000:.0f} ms",
            f"goal {LOOK_UP_GOAL * 1000:.0f} ms",
            wall / LOOK_UP_GOAL,
            1.0,
            f"{processor * 1000:.0f} ms of processor time; the two looks at the disk that each rests on, alone: "
            f"{alone * 1000:.0f} ms",
        )
