"""A first build of a thousand steps that do nothing, beside snakemake and DVC in the same run"""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import filmforge
from benchmarks import peers
from benchmarks.measuring import Row, environment, say, scratch
from benchmarks.trivial import TrivialExecutor, write_film

STEPS = 1_001
GOAL = 0.005
"""Seconds that a step may cost beyond its own work."""


def measure() -> list[Row]:
    """One row for each peer, by wall clock; one by processor time, which a busy machine does not spoil."""
    return _builds()


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
