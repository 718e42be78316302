"""A build with nothing to do, against doit and snakemake with as many tasks; a plan after one edit."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filmforge
from benchmarks import peers
from benchmarks.measuring import Row, environment, in_turn, say, scratch, seconds, timed
from benchmarks.trivial import TrivialExecutor, write_film

SIZES = {1_000: 1.0, 10_000: 0.5}
"""Shots, and the most of doit's time that a no-op build may take."""
PLAN_GOAL = 1.2
"""The most that a plan after one edit may take, of the time of one with nothing to do."""
TIMES = {1_000: 7, 10_000: 3}


def measure() -> list[Row]:
    """Four rows a size: against doit, against snakemake, and the plan, against that of snakemake and its own no-op."""
    rows = []
    for shots, goal in SIZES.items():
        rows += _built(shots, goal)
    return rows


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
        same = Path(shutil.copytree(film.parent, folder / "same")) / film.name
        film.write_text(text.replace(f"title: card {scene} {shot}\n", "title: another\n"), encoding="utf-8")
        plan = [sys.executable, "-m", "filmforge", "plan"]
        plans = {
            "filmforge": timed([*plan, str(film)], folder, env),
            "no-op": timed([*plan, str(same)], folder, env),
        }
        if "snakemake" in took:
            card.write_text("another", encoding="utf-8")
            plans["snakemake"] = timed(peers.snakemake("--dry-run"), theirs, env)
        say(f"plan after one edit: {', '.join(plans)}")
        took = in_turn(3, plans)
        what, ours = f"plan after an edit of 1 shot of {shots:,}", seconds(took["filmforge"])
        rows.append(
            Row(
                what,
                ours,
                f"plan with nothing to do {seconds(took['no-op'])}",
                took["filmforge"] / took["no-op"],
                PLAN_GOAL,
            )
        )
        if "snakemake" not in took:
            return [*rows, Row(what, ours, "snakemake is not installed")]
        against = f"snakemake --dry-run {seconds(took['snakemake'])}"
        return [*rows, Row(what, ours, against, took["filmforge"] / took["snakemake"])]


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
