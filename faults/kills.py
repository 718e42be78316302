"""`kill -9` of the whole process tree, at random moments of a build that trains, renders and assembles."""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

from faults import films
from faults.found import Found

SHORT, LONG = 3, 200
IN_A_ROW = 3  # a film is left to end after so many kills: else few would live to be rendered and cut


def run(count: int, seed: int, folder: Path) -> Found:
    """Kill `count` times. Each build goes on from the one that was killed before it, until one reaches its end."""
    found = Found(
        "`kill -9` of the process tree at random moments of a build that trains, renders and assembles",
        "the next build completes; no finished step runs again; every result and the film are byte-equal",
        "kills",
    )
    chance = random.Random(seed)
    (folder / "film").mkdir()
    film = films.trained(folder / "film")
    began = time.monotonic()
    said = films.start("build", film, "--json").communicate(timeout=1200)[0]
    whole = time.monotonic() - began
    expected = films.made(film)
    found.check(len(films.ran(said)) == len(expected) - 1, f"the undisturbed build: {said[-400:]}")
    life, ends = 0, Counter[str]()
    while found.done < count and not found.failures:
        life += 1
        again = films.copy_of(film, folder / f"life{life}")
        finished: set[str] = set()
        spared = found.done + IN_A_ROW
        while True:
            process = films.start("build", again, "--json")
            threatened = found.done < min(count, spared)
            if threatened:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=chance.uniform(0.2, whole))
            killed = threatened and process.poll() is None
            if killed:
                films.kill_tree(process)
                found.done += 1
            said = process.communicate(timeout=1200)[0]
            if killed:
                ends[_next_kind(finished, films.ran(said))] += 1
            twice = finished.intersection(films.ran(said))
            found.check(not twice, f"life {life}, kill {found.done}: ran again: {sorted(twice)}")
            finished.update(films.ran(said))
            if not killed:
                break
        found.check(process.returncode == 0, f"life {life}: status {process.returncode}: {said[-400:]}")
        if process.returncode == 0:
            found.check(films.made(again) == expected, f"life {life}: other bytes")
    where = ", ".join(f"{kind} {number}" for kind, number in ends.most_common())
    found.note = (
        f"{life} films begun; one takes {whole:.0f} s undisturbed; killed with this to be done next: {where}"
    )
    return found


def _next_kind(finished: set[str], ran: list[str]) -> str:
    """The kind of step that a killed build had still to do, the first in the order of the film's making."""
    done = {name.split("/")[0] for name in finished.union(ran)}
    return next((kind for kind in ("lora", "render", "segment", "cut") if kind not in done), "nothing")
