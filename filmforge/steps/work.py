"""What a step gets to be carried out with: its params, its inputs as files, and somewhere to put its outputs.

A step never looks at the film. It finds all it needs here, and what it makes here is all that is kept of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Make = Callable[[Path], None]


class Keep(Protocol):
    """Intermediate results by content: what is made half-way and must not be made twice."""

    def find(self, kind: str, value: Mapping[str, Any]) -> Path | None:
        """The kept file for `value`, or None."""
        ...

    def put(self, kind: str, value: Mapping[str, Any], suffix: str, make: Make) -> Path:
        """Have `make` write a file, keep it under `value`, and give where it lies."""
        ...


@dataclass(slots=True)
class Session:
    """What stays between the steps of one worker: the loaded model, and texts that will be asked for."""

    held: dict[str, Any] = field(default_factory=dict)
    expected: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Work:
    """One step under way.

    `inputs` and `digests` are by role. `folder` is empty and is for outputs; `scratch` outlives a kill, and is
    found again by whoever carries the same step out next. `window` is for pictures of how it goes, which people look
    at and nothing reads. What is put into `provenance` is recorded.
    """

    kind: str
    name: str
    params: Mapping[str, Any]
    inputs: Mapping[str, Path]
    digests: Mapping[str, str]
    hints: Mapping[str, Any]
    folder: Path
    scratch: Path
    window: Path
    keep: Keep
    session: Session
    report: Callable[[int, int, str], None]
    warn: Callable[[str], None]
    """Says something to the filmmaker that stops nothing."""
    show: Callable[[Any, int, int], None]
    """Shows a picture of what is being made, [height, width, 3] of 8 bits, after so many steps of so many."""
    provenance: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Path] = field(default_factory=dict)
    stage: str = ""
    """What the model is at: `text`, `sampling` or `decoding`; empty where no model works."""

    def out(self, output: str, suffix: str) -> Path:
        """Where the output called `output` is to be written; it counts as made when the step returns."""
        path = self.folder / f"{output}{suffix}"
        self.outputs[output] = path
        return path

    def progress(self, done: int, total: int, note: str = "") -> None:
        """Say how far the step is."""
        self.report(done, total, note)

    def kept(self, kind: str, value: Mapping[str, Any], suffix: str, make: Make) -> Path:
        """The intermediate result for `value`, made now unless it is kept already."""
        return self.keep.find(kind, value) or self.keep.put(kind, value, suffix, make)

    def several(self, prefix: str) -> list[Path]:
        """The inputs whose roles begin with `prefix`, in the order of their roles."""
        return [self.inputs[role] for role in sorted(self.inputs) if role.startswith(prefix)]
