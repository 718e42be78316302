"""A clock that was set back, touched files, a moved project, a folder that cannot be written: nothing runs."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import filmforge
from benchmarks.trivial import TrivialExecutor
from faults import films
from faults.found import Found

SHORT, LONG = 5, 100
YEAR = 365 * 86_400.0


def run(count: int, seed: int, folder: Path) -> Found:
    """`count` disturbances of a film that was built, each followed by a build."""
    found = Found(
        "clock set back a year; files touched; project moved; source folder read-only",
        "nothing runs",
        "disturbances",
    )
    chance = random.Random(seed)
    (folder / "film").mkdir()
    film = films.drawn(folder / "film")
    _build(film, folder / "work")
    ways: list[Callable[[Path, random.Random], Path]] = [_set_back, _touch, _age, _move, _protect]
    for number in range(count):
        way = ways[number % len(ways)]
        film = way(film, chance)
        with mock.patch("time.time", _earlier if way is _set_back else time.time):
            ran = _build(film, folder / f"work{number}")
        found.check(not ran, f"{way.__name__[1:]}: {ran}")
        found.done += 1
        for path in (film.parent, *film.parent.rglob("*")):
            if path.is_dir() and ".filmforge" not in path.parts:
                path.chmod(0o755)
    return found


def _build(film: Path, work: Path) -> list[str]:
    executor = TrivialExecutor(work)
    assert filmforge.build(filmforge.load(film), executor=executor).ok
    return executor.ran


_now = time.time


def _earlier() -> float:
    return _now() - YEAR


def _sources(film: Path) -> list[Path]:
    return [path for path in film.parent.iterdir() if path.is_file()]


def _set_back(film: Path, chance: random.Random) -> Path:
    for path in _sources(film):  # what was written before lies in the future now
        os.utime(path)
    return film


def _touch(film: Path, chance: random.Random) -> Path:
    for path in chance.sample(_sources(film), 2):
        os.utime(path)
    return film


def _age(film: Path, chance: random.Random) -> Path:
    for path in _sources(film):
        past = _now() - chance.uniform(0, 30 * YEAR)
        os.utime(path, (past, past))
    return film


def _move(film: Path, chance: random.Random) -> Path:
    target = film.parent.with_name(f"film {chance.randrange(10**9)}")
    shutil.move(film.parent, target)
    return target / film.name


def _protect(film: Path, chance: random.Random) -> Path:
    for path in _sources(film):
        path.chmod(0o444)
    film.parent.chmod(0o555)
    return film
