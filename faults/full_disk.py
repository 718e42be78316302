"""A small file system that is full at some moment of a build, and has room again for the next."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from faults import films
from faults.found import Found

SHORT, LONG = 2, 50
ROOM = 64 << 20
_OF_OTHERS = "cannot make a small file system here (mount needs root)"


def run(count: int, seed: int, folder: Path) -> Found:
    """`count` builds with a store on a disk that has room for a random part of it."""
    found = Found(
        "disk full at random moments (a small file system)",
        "a clear message, exit status 1, finished steps kept, the next build goes on to an equal film",
        "full disks",
    )
    chance = random.Random(seed)
    (folder / "film").mkdir()
    film = films.drawn(folder / "film")
    films.start("build", film).communicate(timeout=300)
    expected = films.made(film)
    need = sum(path.stat().st_blocks * 512 for path in (film.parent / ".filmforge").rglob("*"))
    for number in range(count):
        again = films.copy_of(film, folder / f"film{number}")
        with _disk(folder / "disk") as resize:
            if resize is None:
                found.note = _OF_OTHERS
                return found
            store = folder / "disk/store"
            resize(int(chance.uniform(0.1, 0.95) * need))
            first = films.start("build", again, "--store", store, "--json")
            said = first.communicate(timeout=300)[0]
            found.check(first.returncode == 1, f"status {first.returncode}: {said[-300:]}")
            found.check("disk is full" in said or "No space left" in said, f"not said clearly: {said[-300:]}")
            found.check("Traceback" not in said, said[-500:])
            before = set(films.ran(said))
            resize(ROOM)
            second = films.start("build", again, "--store", store, "--json")
            said = second.communicate(timeout=300)[0]
            found.check(second.returncode == 0, f"afterwards: status {second.returncode}: {said[-300:]}")
            found.check(
                not before.intersection(films.ran(said)), f"ran again: {before.intersection(films.ran(said))}"
            )
            if second.returncode == 0:
                found.check(films.made(again, store) == expected, "other bytes")
        found.done += 1
    return found


@contextmanager
def _disk(place: Path) -> Iterator[Callable[[int], object] | None]:
    """A disk in memory at `place`, and how to change its size; None where that is not allowed."""
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(["mount", *options], capture_output=True).returncode:
        place.rmdir()
        yield None
        return
    try:
        yield lambda size: subprocess.run(
            ["mount", "-o", f"remount,size={size}", str(place)], check=True, capture_output=True
        )
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
        place.rmdir()
