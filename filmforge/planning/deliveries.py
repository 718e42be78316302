"""Where finished films go, and whether what lies there is what was delivered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filmforge.language.delivered import caption_file, default_file, with_profile
from filmforge.language.film import Delivery, Film


def deliveries_of(film: Film, film_file: Path, profile: str | None) -> dict[str, Delivery]:
    """The files the film is delivered as, by name. Paths are relative to the film file.

    With a profile, its name stands before the suffix, unless the profile says itself what it delivers.
    """
    own = profile is not None and "deliver" in film.profiles.get(profile, {})
    if not film.deliver:
        return {"main": Delivery(file=default_file(film_file, profile))}
    if profile is None or own:
        return dict(film.deliver)
    return {
        name: delivery.model_copy(update={"file": with_profile(delivery.file, profile)})
        for name, delivery in film.deliver.items()
    }


@dataclass(slots=True)
class Ledger:
    """What was delivered to which path, and how the file looked when it was. Kept as one small document."""

    entries: dict[str, dict[str, Any]]
    folder: Path
    hash_file: Callable[[Path], str]
    declared: bool
    """Whether the film says where it is delivered; else a file is named after the project's folder."""

    def state(self, name: str, path: str, digest: str) -> str:
        """How the file at `path` fares, to which `digest` of the delivery `name` belongs.

        `ok`; `other`: intact, but of another build, or never delivered here: it is put there and nothing is made;
        `missing` or `changed`: it was delivered, or is to go elsewhere than before: the cut runs.
        """
        where = self.folder / path
        try:
            stat = where.stat()
        except OSError:
            renamed = self.declared and any(entry["delivery"] == name for entry in self.entries.values())
            return "missing" if path in self.entries or renamed else "other"
        known = self.entries.get(path)
        if known and (known["size"], known["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns):
            return "ok" if known["digest"] == digest else "other"
        actual = self.hash_file(where)
        if actual == digest or (known and known["digest"] == actual):
            self.note(name, path, actual)
            return "ok" if actual == digest else "other"
        return "changed"

    def note(self, name: str, path: str, digest: str) -> None:
        """Remember that `path` now holds the content `digest` of the delivery `name`."""
        stat = (self.folder / path).stat()
        self.entries[path] = {
            "delivery": name,
            "digest": digest,
            "size": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
        }


def delivered_outputs(delivery: Delivery, outputs: Mapping[str, Any]) -> dict[str, str]:
    """Which path each output of a `cut` goes to."""
    paths = {"main": delivery.file}
    if "captions" in outputs:
        paths["captions"] = caption_file(delivery.file)
    return paths
