"""A build with nothing to do, against doit and snakemake with as many tasks; a plan after one edit; a first build."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filmforge
from benchmarks import peers
from benchmarks.measuring import Row, environment, in_turn, say, scratch, seconds, timed
from benchmarks.trivial import TrivialExecutor, write_film

SIZES = {1_000: 1.0, 10_000: 0.5}
"""Shots, and the most of doit's time that a no-op build may take."""
TIMES = {1_000: 7, 10_000: 3}
FIRST = 500
"""Shots of the film whose first build is timed, with every step brought to the disk."""


def measure() -> list[Row]:
    """Three rows a size: against doit, against snakemake, and the plan; then one for the first build."""
    rows = []
    for shots, goal in SIZES.items():
        rows += _built(shots, goal)
    return [*rows, _first_build()]


def _built(shots: int, goal: float) -> list[Row]:
    steps = f"{2 * shots + 1:,} steps"
    with scratch() as folder:
        env = environment(folder)
        film = write_film(_made(folder / "film"), shots)
        say(f"no-op: a film of {shots:,} shots")
        with _unsynced():
            _build(film)
        measured = {"filmforge": timed([sys.executable, "-m", "filmforge", "build", str(film)], folder, env)}
        theirs = _made(folder / "peers")
        peers.write_project(theirs, shots)
        commands = {"doit": peers.doit(), "snakemake": peers.snakemake()}
        for peer, command in commands.items():
            if peers.is_here(peer):
                measured[peer] = timed(command, theirs, env)
        say(f"no-op: {', '.join(measured)}, {TIMES[shots]} rounds")
        took = in_turn(TIMES[shots], measured)
        rows = []
        for peer in commands:
            what = f"no-op build of {shots:,} shots ({steps})"
            if peer not in took:
                rows.append(Row(what, seconds(took["filmforge"]), f"{peer} is not installed"))
                continue
            ratio, against = took["filmforge"] / took[peer], f"{peer} {seconds(took[peer])}"
            rows.append(
                Row(what, seconds(took["filmforge"]), against, ratio, goal if peer == "doit" else None)
            )

        changed, card = shots // 2, theirs / "card" / str(shots // 2)
        text = film.read_text(encoding="utf-8")
        scene, shot = divmod(changed, 50)
        assert f"title: card {scene} {shot}\n" in text
        film.write_text(text.replace(f"title: card {scene} {shot}\n", "title: another\n"), encoding="utf-8")
        plans = {"filmforge": timed([sys.executable, "-m", "filmforge", "plan", str(film)], folder, env)}
        if "snakemake" in took:
            card.write_text("another", encoding="utf-8")
            plans["snakemake"] = timed(peers.snakemake("--dry-run"), theirs, env)
        say(f"plan after one edit: {', '.join(plans)}")
        took = in_turn(3, plans)
        what, ours = f"plan after an edit of 1 shot of {shots:,}", seconds(took["filmforge"])
        if "snakemake" not in took:
            return [*rows, Row(what, ours, "snakemake is not installed")]
        against = f"snakemake --dry-run {seconds(took['snakemake'])}"
        return [*rows, Row(what, ours, against, took["filmforge"] / took["snakemake"])]


def _first_build() -> Row:
    """What a step costs beyond its own work, against the bare writes that let a result outlive a power loss."""
    taken: dict[str, float] = {}
    with scratch() as folder:
        say(f"first build of {FIRST:,} shots")
        film = write_film(_made(folder / "film"), FIRST)
        steps = 2 * FIRST + 1
        began = time.perf_counter()
        _build(film)
        taken["filmforge"] = (time.perf_counter() - began) / steps
        bare = _made(folder / "bare")
        began = time.perf_counter()
        for number in range(steps):
            _write_durably(bare, f"blob{number}", b"x" * 300)
            _write_durably(bare, f"record{number}", b"x" * 1000)
        taken["bare"] = (time.perf_counter() - began) / steps
    return Row(
        f"first build of {FIRST:,} shots whose steps take no time, a step",
        f"{taken['filmforge'] * 1000:.1f} ms",
        f"two files written, synced and renamed: {taken['bare'] * 1000:.1f} ms",
        taken["filmforge"] / taken["bare"],
    )


def _write_durably(folder: Path, name: str, data: bytes) -> None:
    """A file that is there after a power loss, whole or not at all."""
    part = folder / f"{name}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(descriptor, data)
    os.fsync(descriptor)
    os.close(descriptor)
    part.rename(folder / name)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def _build(film: Path) -> None:
    store = film.parent / ".filmforge"
    project = filmforge.load(film, store=store)
    result = filmforge.build(project, executor=TrivialExecutor(store / "tmp" / "made"))
    assert result.ok


@contextmanager
def _unsynced() -> Iterator[None]:
    """Do not wait for the disk while a film is made that only what comes after is measured on."""
    kept = os.fsync
    os.fsync = lambda fd: None
    try:
        yield
    finally:
        os.fsync = kept


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
