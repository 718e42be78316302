"""Eight builds of one film at once, in processes of their own; two of them are killed on the way."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

from faults import films
from faults.found import Found

SHORT, LONG = 1, 20
BUILDS, KILLED = 8, 2


def run(count: int, seed: int, folder: Path) -> Found:
    """`count` times: eight builds on one empty store."""
    found = Found(
        "eight builds of one film at once; two of them killed",
        "each step ran once or was taken over; equal films",
        "rounds of eight builds",
    )
    chance = random.Random(seed)
    (folder / "film").mkdir()
    film = films.drawn(folder / "film")
    began = time.monotonic()
    films.start("build", film).communicate(timeout=300)
    whole = time.monotonic() - began
    expected = films.made(film)
    for turn in range(count):
        again = films.copy_of(film, folder / f"round{turn}")
        builds = [films.start("build", again, "--json", "--jobs", 2) for _ in range(BUILDS)]
        for victim in chance.sample(builds, KILLED):
            time.sleep(chance.uniform(0, whole))
            films.kill_tree(victim)
        said = [build.communicate(timeout=300)[0] for build in builds]
        ended = Counter(build.returncode for build in builds)
        found.check(ended[0] >= BUILDS - KILLED, f"round {turn}: statuses {dict(ended)}: {said}")
        ran = Counter(step for text in said for step in films.ran(text))
        twice = [step for step, times in ran.items() if times > 1 and not step.startswith("cut/")]
        # A cut whose delivered file another build was about to write may be delivered twice; it is assembled once.
        found.check(not twice, f"round {turn}: ran more than once: {twice}")
        if not found.failures:
            found.check(films.made(again) == expected, f"round {turn}: other bytes")
        found.done += 1
    return found
