"""Film files, generated and mutated: accepted or refused with places, quickly, without leaving the project's folder."""

from __future__ import annotations

import json
import random
import string
import sys
import time
from pathlib import Path
from typing import Any

from faults.found import Found
from filmforge.errors import FilmError
from filmforge.language.load import load_text

SHORT, LONG = 300, 20_000
SECONDS = 1.0
_WORDS = (  # noqa: SIM905 - seventy words read better so
    "filmforge title size fps seed negative models model profiles characters looks photos lora rank steps file weight "
    "missing trigger likeness retry styles prompt lut places scenes id place style music gain fade_in shots camera lasts "
    "start from at takes pick says text audio join dissolve fade wipe clip trim to sound still move captions credits roll "
    "loudness handles store deliver codec quality use weights revision guidance precision extend duck"
).split()
_VALUES: list[Any] = [
    1, 0, -1, 1.5, 1e308, 10**40, True, None, "", "4s", "36f", "00:00:04:00", "hero", "a/b", "{mira}", "{", "}}", "../x",
    "/etc/passwd", "~/x", "a\0b", "line\nbreak", "'", ":", "%{pts}", "|", "-i", "x" * 4000, "\u202e", "😀", "on", "1e-4",
    "24000/1001", "1280x720", "nan", "s3://b/x", "first", "last", [], {},
]  # fmt: skip


def run(count: int, seed: int, folder: Path) -> Found:
    """Half of the `count` files are the language's own example, harmed; half are made of its words at random."""
    from tests.language.conftest import EXAMPLE
    from tests.language.test_any_film import mutated

    found = Found(
        "generated and mutated film files",
        "accepted, or errors with positions; never a traceback, never over a second, never outside the project folder",
        "film files",
    )
    chance = random.Random(seed)
    project = folder / "project"
    project.mkdir()
    opened: list[str] = []
    watching = [False]

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if watching[0] and event in ("open", "os.listdir", "os.scandir"):
            opened.append(str(arguments[0]))

    _load(EXAMPLE, project)  # what is imported on the first occasion is no part of it
    _load("filmforge: [", project)
    sys.addaudithook(audit)
    slowest, accepted = 0.0, 0
    for number in range(count):
        text = mutated(EXAMPLE, chance) if number % 2 else _generated(chance)
        opened.clear()
        watching[0] = True
        began = time.thread_time()
        try:
            # Without a folder the files that a film names are not looked for, so that one can be accepted.
            accepted += _load(text, project if number % 4 < 2 else None)
        except Exception as error:
            found.check(False, f"{type(error).__name__}: {error} for {text[:500]!r}")
        finally:
            watching[0] = False
        took = time.thread_time() - began
        slowest = max(slowest, took)
        found.check(took < SECONDS, f"{took:.1f} s for {text[:300]!r}")
        outside = [path for path in opened if not _allowed(path, project)]
        found.check(not outside, f"opened {outside[:3]} for {text[:300]!r}")
        found.done += 1
        if len(found.failures) > 5:
            break
    found.note = f"{accepted} accepted; the slowest took {slowest * 1000:.0f} ms of processor time"
    return found


def _load(text: str, project: Path | None) -> bool:
    """Whether the film is accepted; AssertionError where a refusal is not as it should be."""
    try:
        load_text(text, "film.yaml", folder=project)
    except FilmError as error:
        if any("\n" in str(problem) for problem in error.problems):
            raise AssertionError(f"a problem of several lines: {error}") from error
        if not error.problems or any(p.line < 1 or p.column < 1 or not p.message for p in error.problems):
            raise AssertionError(f"a problem without a place: {error}") from error
        return False
    return True


def _allowed(path: str, project: Path) -> bool:
    """Within the project; or a module that is imported late."""
    return (
        path.startswith(str(project))
        or path.endswith((".py", ".pyc", ".so"))
        or any(path.startswith(place) for place in sys.path if place)
        or path.startswith((sys.prefix, sys.base_prefix))
    )


def _generated(chance: random.Random) -> str:
    """A film of the language's words in any order; now and then bytes of any sort."""
    if chance.random() < 0.1:
        return "".join(chance.choices(string.printable + "\0\x85\u2028é😀", k=chance.randint(0, 300)))

    def value(depth: int) -> Any:
        kind = chance.random()
        if depth == 0 or kind < 0.5:
            return chance.choice(_VALUES)
        if kind < 0.65:
            return [value(depth - 1) for _ in range(chance.randint(0, 4))]
        return {
            chance.choice(_WORDS) if chance.random() < 0.95 else str(chance.choice(_VALUES)): value(depth - 1)
            for _ in range(chance.randint(0, 6))
        }

    film = {word: value(4) for word in chance.sample(_WORDS, chance.randint(0, 12))}
    shots: Any = value(3)
    if chance.random() < 0.5:
        shots = [{"id": f"s{i}", "title": "x", "lasts": "1s"} for i in range(3)]
        shots[chance.randrange(3)][chance.choice(_WORDS)] = value(2)
    film |= {"filmforge": 1, "scenes": [{"id": "a", "shots": shots}]}
    return json.dumps(film, ensure_ascii=chance.random() < 0.5)
