"""`film.lock`: what was resolved, pinned and kept in git. Weights by commit and digest; the seeds that were drawn.

One entry a line in a stable order, so that it diffs and merges well; nothing in it differs from machine to
machine. A lock with merge conflicts counts as none: the next build writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SCHEMA = "filmforge.lock/1"


@dataclass(frozen=True, slots=True)
class PinnedWeights:
    """Weights as a lock holds them; a digest is the SHA-256 over the names and digests of the files."""

    family: str
    digest: str | None = None
    repo: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """What a film was resolved to."""

    weights: Mapping[str, PinnedWeights] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)

    def text(self) -> str:
        """The file's text: JSON, one entry a line, sorted."""
        weights = {
            name: {k: v for k in ("family", "repo", "commit", "digest") if (v := getattr(pin, k)) is not None}
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
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            return Lock()
        weights = {name: PinnedWeights(**pin) for name, pin in data["weights"].items()}
        return Lock(weights, {name: int(seed) for name, seed in data["seeds"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Lock()
