"""`film.lock`: what was resolved, pinned and kept in git. Weights by commit and digest; the seeds that were drawn.

One entry a line in a stable order, so that it diffs and merges well; nothing in it differs from machine to
machine. Of a lock with merge conflicts counts what both sides agree on; the rest is resolved anew, and the next build
writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SCHEMA = "filmforge.lock/1"
_FIELDS = ("family", "repo", "revision", "commit", "digest", "files")
_ENTRY = re.compile(r'  ("(?:[^"\\]|\\.)*"): (.*?),?').fullmatch


def lora_of(model: str) -> str:
    """What a lock calls a model's own LoRA from the hub."""
    return f"{model}.lora"


def files_of(model: str) -> str:
    """What a lock calls a model's files of weights from the hub."""
    return f"{model}.weights"


def upscaler_of(model: str) -> str:
    """What a lock calls the upscaler of a model. A dot stands in no name of a model."""
    return f"{model}.upscale"


@dataclass(frozen=True, slots=True)
class PinnedWeights:
    """Weights as a lock holds them; a digest is the SHA-256 over the names and digests of the files.

    `revision` is the one that the film declared when `commit` was found for it. `files` are the digests of components that
    are read from a file of their own; of files from the hub, their digests by their path in the repository.
    """

    family: str
    digest: str | None = None
    repo: str | None = None
    commit: str | None = None
    revision: str | None = None
    files: Mapping[str, str] | None = None

    def pins(self, family: str, repo: str | None, revision: str | None) -> bool:
        """Whether this is what was resolved for just these weights, so that its commit holds."""
        return self.commit is not None and (self.family, self.repo, self.revision) == (family, repo, revision)


@dataclass(frozen=True, slots=True)
class Lock:
    """What a film was resolved to."""

    weights: Mapping[str, PinnedWeights] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    conflicted: bool = False
    """Whether the file was in the middle of a merge."""

    def text(self) -> str:
        """The file's text: JSON, one entry a line, sorted."""
        weights = {
            name: {k: v for k in _FIELDS if (v := getattr(pin, k)) is not None}
            for name, pin in self.weights.items()
        }
        return (
            f'{{\n"schema": {json.dumps(SCHEMA)},\n'
            f'"weights": {_lines(weights)},\n'
            f'"seeds": {_lines(self.seeds)}\n}}\n'
        )


def _lines(entries: Mapping[str, object]) -> str:
    if not entries:
        return "{}"
    rows = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(entries[name], ensure_ascii=False)}" for name in sorted(entries)
    )
    return "{\n" + rows + "\n}"


def read_lock(path: Path) -> Lock:
    """The lock at `path`; an empty one where there is none, or one that cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return Lock()
    if re.search(r"^<<<<<<< ", text, re.MULTILINE):
        return _agreed(text)
    try:
        data = json.loads(text)
        if data["schema"] != SCHEMA:
            return Lock()
        weights = {name: PinnedWeights(**pin) for name, pin in data["weights"].items()}
        return Lock(weights, {name: int(seed) for name, seed in data["seeds"].items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return Lock()


def _agreed(text: str) -> Lock:
    """What both sides of a merge say: every entry of which there are no two versions."""
    found: dict[str, list[PinnedWeights | int]] = {}
    for line in text.splitlines():
        entry = _ENTRY(line)
        try:
            if entry and (name := json.loads(entry[1])) is not None:
                value = json.loads(entry[2])
                found.setdefault(name, []).append(
                    PinnedWeights(**value) if isinstance(value, dict) else int(value)
                )
        except (ValueError, TypeError):
            continue
    alone = {name: values[0] for name, values in found.items() if all(v == values[0] for v in values)}
    return Lock(
        {name: value for name, value in alone.items() if isinstance(value, PinnedWeights)},
        {name: value for name, value in alone.items() if isinstance(value, int)},
        conflicted=True,
    )
