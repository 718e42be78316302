"""The quickest answer there is: nothing changed since the last build, seen without parsing the film.

A finished build leaves a snapshot: the digest of the film's text, the signatures of all files it was made from and
of all results it rests on, and of what was delivered. While all of them are as they were, there is nothing to do.
Any difference, however slight, means that the film is loaded and planned as usual.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filmforge import __version__
from filmforge.building.events import FilmDone, Finished
from filmforge.places import lock_of, state_name, trust_of
from filmforge.store import Store


def _signature(path: str) -> list[int]:
    status = os.stat(path)  # noqa: PTH116 - thousands of them: building a Path costs more than the look
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _asked(film: Path, profile: str | None, overrides: Sequence[str]) -> str:
    """What was asked for, as one digest: the film's text, its lock, whom it trusts, and the options."""
    beside = [lock_of(film), trust_of(film)]
    parts = [
        __version__,
        repr((profile, list(overrides))),
        hashlib.sha256(film.read_bytes()).hexdigest(),
        *(hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "" for path in beside),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _listing(folder: Path) -> str:
    return hashlib.sha256("\n".join(sorted(entry.name for entry in os.scandir(folder))).encode()).hexdigest()


def remember(
    store: Store,
    film: Path,
    profile: str | None,
    overrides: Sequence[str],
    *,
    sources: Mapping[str, str],
    weights: Sequence[Path],
    folders: Sequence[str],
    results: Sequence[str],
    outputs: Sequence[str],
    told: Sequence[str],
    steps: Mapping[str, str],
) -> None:
    """Keep a snapshot of a finished build.

    `sources`: digest by path, `folders`, `outputs`, `told` (what lies beside outputs and is none): paths from the
    film's folder; `weights`: files of models; `results`: digests of blobs; `steps`: kind by name. Nothing is kept if
    a source changed while it was built.
    """
    folder = film.parent
    if not all(store.sources.unchanged(folder / path, digest) for path, digest in sources.items()):
        return
    beside = [*sources, *outputs, *told]
    store.memo.put(
        _name(film, profile, store.root),
        {
            "asked": _asked(film, profile, overrides),
            "beside": [[path, _signature(str(folder / path))] for path in beside],
            "elsewhere": [[str(path), _signature(str(path))] for path in weights],
            "folders": [[path, _listing(folder / path)] for path in folders],
            "results": [[digest, _signature(str(store.blobs.path(digest)))] for digest in results],
            "outputs": list(outputs),
            "steps": dict(steps),
        },
    )


def nothing_to_do(
    film: Path, profile: str | None, overrides: Sequence[str], store_root: Path
) -> tuple[list[Finished], FilmDone] | None:
    """The events of a build that has nothing to do; None where there may be something to do."""
    store = Store(store_root)
    known = store.memo.get(_name(film, profile, store_root))
    if known is None:
        return None
    try:
        if known["asked"] != _asked(film, profile, overrides) or not _as_it_was(known, film.parent, store):
            return None
    except OSError:
        return None
    steps = [Finished(name, kind, "cached") for name, kind in known["steps"].items()]
    counts: dict[str, int] = {}
    for kind in known["steps"].values():
        counts[kind] = counts.get(kind, 0) + 1
    return steps, FilmDone("built", {}, counts, (), tuple(known["outputs"]))


def _as_it_was(known: Mapping[str, Any], folder: Path, store: Store) -> bool:
    base = str(folder)
    blobs = str(store.blobs.path("00" * 32).parent.parent)
    return (
        all(_signature(f"{base}/{path}") == was for path, was in known["beside"])
        and all(_signature(path) == was for path, was in known["elsewhere"])
        and all(_listing(folder / path) == was for path, was in known["folders"])
        and all(_signature(f"{blobs}/{digest[:2]}/{digest}") == was for digest, was in known["results"])
    )


def _name(film: Path, profile: str | None, store_root: Path) -> str:
    return state_name(film, profile, store_root).replace("state", "unchanged")
