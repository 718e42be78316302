"""Where what belongs to a film lies: its store, its lock, and the names of what a store remembers about it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from filmforge.errors import UsageError

STORE_ENVIRONMENT = "FILMFORGE_STORE"


def film_file(path: Path) -> Path:
    """The film file that `path` means: itself, or `film.yaml` in it where it is a folder."""
    return path / "film.yaml" if path.is_dir() else path


def default_store(film: Path) -> Path:
    """The store beside the film."""
    return film.parent / ".filmforge"


def store_of(film: Path, given: str | Path | None) -> Path:
    """The store to use: the one given, the environment's, or the one beside the film.

    Raises UsageError where what is given, or the environment's, is there and is no folder.
    """
    named = given or os.environ.get(STORE_ENVIRONMENT)
    if not named:
        return default_store(film)
    store = Path(named)
    if store.exists() and not store.is_dir():
        by = "--store" if given else STORE_ENVIRONMENT
        raise UsageError(f"{store} is not a folder, and a store is one; name another with {by}")
    return store


def lock_of(film: Path) -> Path:
    """`film.lock` beside `film.yaml`; `other.lock` beside `other.yaml`."""
    return film.with_suffix(".lock")


def trust_of(film: Path) -> Path:
    """`film.trust` beside `film.yaml`: whose results this film accepts from its mirror."""
    return film.with_suffix(".trust")


def settings_folder() -> Path:
    """Where what belongs to this user lies: the signing key."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "filmforge"


def state_name(film: Path, profile: str | None, store: Path) -> str:
    """What the state of a film and profile is called in a store. It survives a move of a project with its store."""
    outside = "" if store.absolute() == default_store(film).absolute() else str(film.resolve())
    return "state-" + hashlib.sha256(f"{outside}|{film.name}|{profile}".encode()).hexdigest()[:20]
