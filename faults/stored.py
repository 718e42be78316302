"""Every file of a store damaged in every way, one at a time; the index of records cut off at every byte."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import filmforge
from benchmarks.trivial import TrivialExecutor, write_film
from faults.found import Found
from filmforge.store import Store

SHORT, LONG = 30, 100_000
_numbers = itertools.count()
WAYS = ("truncated", "flipped", "emptied", "deleted", "swapped")


def run(count: int, seed: int, folder: Path) -> Found:
    """At most `count` damages to files, drawn without repetition, and as many cuts of the index."""
    found = Found(
        "each stored file truncated, flipped in one bit, emptied, deleted, swapped with another of its length; the "
        "record index cut off at every byte",
        "found before use, made again, at most one warning, an equal film",
        "damages and cuts",
    )
    (folder / "film").mkdir()
    film = write_film(folder / "film", 3)
    root = film.parent / ".filmforge"
    expected = _built(film)
    files = [
        path.relative_to(root)
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.parts[len(root.parts)] not in ("tmp", "logs", "locks")
    ]
    chance = random.Random(seed)
    cases = [(path, way) for path in files for way in WAYS]
    chance.shuffle(cases)
    kept = folder / "kept"
    shutil.copytree(root, kept, copy_function=shutil.copy2)
    real = sum(path.parts[0] == "blobs" for path, _ in cases[:count])
    for number, (path, way) in enumerate(cases[:count]):
        place = root / path
        damage(place, way, chance)
        for snapshot in root.glob(
            "films/unchanged-*"
        ):  # it would say that nothing is to be done, and be right
            if snapshot != place:
                snapshot.unlink()
        with _warnings() as warnings:
            there = _built(film)
        found.check(len(warnings) <= 1, f"{path} {way}: {warnings}")
        found.check(
            there == expected, f"{path} {way}: other bytes: {sorted(there.items() ^ expected.items())}"
        )
        found.done += 1
        if found.failures:
            return found
        if number % 20 == 19:  # a store as it was, not one mended twenty times
            shutil.rmtree(root)
            shutil.copytree(kept, root, copy_function=shutil.copy2)
    _cut_index(found, kept, folder / "cut", count, chance)
    found.note = f"{len(files)} files; {real} of the damages were to results"
    return found


def _built(film: Path) -> dict[str, str]:
    """Build it with steps that take no time, and give the digests of all results and of what was delivered."""
    project = filmforge.load(film)
    executor = TrivialExecutor(film.parent / f"work{next(_numbers)}")
    assert filmforge.build(project, executor=executor).ok
    steps = filmforge.plan(project).steps
    delivered = next((film.parent / "out").glob("*.mp4"))
    return {name: p.record.outputs["main"].digest for name, p in steps.items() if p.record is not None} | {
        "delivered": hashlib.sha256(delivered.read_bytes()).hexdigest(),
        "steps": str(len(steps)),
    }


@contextlib.contextmanager
def _warnings() -> Iterator[list[str]]:
    """What the store warns of, meanwhile."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("filmforge.store")
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)


def damage(path: Path, way: str, chance: random.Random) -> None:
    """Harm a file the way disks and people do; its dates change, as they do."""
    time.sleep(0.01)
    if not path.exists():  # gone with an earlier damage, and not needed again
        return
    if way == "deleted":
        path.unlink()
        return
    path.chmod(0o644)
    data = path.read_bytes()
    if way == "truncated":
        path.write_bytes(data[: chance.randrange(len(data))] if data else b"")
    elif way == "flipped" and data:
        at = chance.randrange(len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :])
    elif way == "emptied":
        path.write_bytes(b"")
    else:
        other = path.with_name("other")
        other.write_bytes(chance.randbytes(len(data)))
        other.replace(path)


def _cut_index(found: Found, kept: Path, root: Path, count: int, chance: random.Random) -> None:
    """The index is a cache: cut anywhere, all records are found, without a warning."""
    shutil.copytree(kept, root, copy_function=shutil.copy2)
    index = root / "index/records"
    keys = [record.key for record in Store(root).records]
    data = index.read_bytes()
    cuts = range(len(data)) if count >= len(data) else sorted(chance.sample(range(len(data)), count))
    for cut in cuts:
        index.write_bytes(data[:cut])
        warnings: list[str] = []
        with Store(root, warn=warnings.append).records.snapshot() as records:
            here = [record for key in keys if (record := records.find(key)) is not None]
        found.check(
            len(here) == len(keys) and not warnings, f"index cut at {cut}: {len(here)} found, {warnings}"
        )
        found.done += 1
