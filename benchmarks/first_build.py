"""A first build of a thousand steps that do nothing, beside snakemake and DVC in the same run; and the store's look-ups."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import filmforge
from benchmarks import peers
from benchmarks.measuring import Row, environment, say, scratch
from benchmarks.trivial import TrivialExecutor, write_film
from filmforge.store import Record, Store, digest_of
from filmforge.store.files import Files

STEPS = 1_001
GOAL = 0.005
"""Seconds that a step may cost beyond its own work."""
LOOK_UPS, LOOK_UP_GOAL = 10_000, 0.05


def measure() -> list[Row]:
    """One row for each peer, by wall clock; one by processor time, which a busy machine does not spoil; look-ups."""
    return [*_builds(), _look_ups()]


def _builds() -> list[Row]:
    with scratch() as folder:
        say(f"first build of {STEPS:,} steps: filmforge")
        (folder / "film").mkdir()
        film = write_film(folder / "film", STEPS // 2)
        wall, processor = _timed(lambda: _build(film))
        ours = f"{wall / STEPS * 1000:.1f} ms a step"
        what = f"first build of {STEPS:,} steps that do nothing"
        rows = [
            Row(f"{what}, overhead", ours, f"goal {GOAL * 1000:.0f} ms", wall / STEPS / GOAL, 1.0),
            Row(
                f"{what}, processor time",
                f"{processor / STEPS * 1000:.1f} ms a step",
                f"goal {GOAL * 1000:.0f} ms",
                processor / STEPS / GOAL,
                1.0,
                "user and system; what a busy machine and a slow disk do not change",
            ),
        ]
        env = environment(folder)
        for peer, write, command in (
            ("snakemake", peers.write_unbuilt_snakemake, peers.snakemake()),
            ("dvc", peers.write_unbuilt_dvc, peers.dvc()),
        ):
            if not peers.is_here(peer):
                rows.append(Row(what, ours, f"{peer} is not installed"))
                continue
            say(f"first build of {STEPS:,} steps: {peer}")
            place = folder / peer
            place.mkdir()
            write(place, STEPS // 2, env)
            began = time.perf_counter()
            subprocess.run(command, cwd=place, env=env, check=True, capture_output=True)
            theirs = time.perf_counter() - began
            rows.append(Row(what, ours, f"{peer} {theirs / STEPS * 1000:.1f} ms a step", wall / theirs))
        return rows


def _build(film: Path) -> None:
    store = film.parent / ".filmforge"
    result = filmforge.build(filmforge.load(film), executor=TrivialExecutor(store / "tmp" / "made"))
    assert result.ok


def _timed(act: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock, and of this process's processor time."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    act()
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


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
            "began = time.perf_counter(); found = Store(Path(sys.argv[1])).records.find_many(keys)\n"
            "wall = time.perf_counter() - began; after = resource.getrusage(resource.RUSAGE_SELF)\n"
            "assert len(found) == len(keys)\n"
            "print(wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)"
        )
        took = []
        for _ in range(5):
            command = [sys.executable, "-c", program, str(folder / "store")]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            took.append(tuple(map(float, said.split())))
        wall, processor = (min(column) for column in zip(*took, strict=True))
        return Row(
            f"{LOOK_UPS:,} look-ups in the store, the best of five",
            f"{wall * 1000:.0f} ms",
            f"goal {LOOK_UP_GOAL * 1000:.0f} ms",
            wall / LOOK_UP_GOAL,
            1.0,
            f"{processor * 1000:.0f} ms of processor time",
        )
