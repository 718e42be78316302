"""What a build asks of whoever carries its steps out: the one interface that local and distributed executors share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

Lane = Literal["device", "media"]
"""`device` steps need a model loaded and run one at a time a device; `media` steps need FFmpeg and a processor."""


@dataclass(frozen=True, slots=True)
class Task:
    """A step ready to be carried out: plain data and absolute paths, so that it can be sent anywhere."""

    kind: str
    name: str
    key: str
    lane: Lane
    params: Mapping[str, Any]
    inputs: Mapping[str, str]
    digests: Mapping[str, str]
    hints: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is: `done` of `total` (0 of 0 where unknown), and what it is doing."""

    name: str
    done: int
    total: int
    note: str


@dataclass(frozen=True, slots=True)
class Done:
    """A step carried out: its outputs as files that the store may take, and what is to be recorded."""

    name: str
    outputs: Mapping[str, Path]
    provenance: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class Leaner:
    """What to try where memory ran out. `words` say what is done otherwise.

    `lacked` is what was not there: by the weights of a model, the GB of memory by stage. It goes into the hints of
    the step, and of all that are started after it.
    """

    words: str
    lacked: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Failed:
    """A step that could not be carried out, and the one sentence that says why. `details` is for a log.

    `crashed`: whoever carried it out died of it, or of something else; it may well succeed the next time.
    `leaner`: memory ran out, and less of it may do.
    """

    name: str
    message: str
    details: str = ""
    crashed: bool = False
    leaner: Leaner | None = None


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the filmmaker should know of a step under way."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of what a step is making lies at `path`, as it is after `done` of `total` sampling steps."""

    name: str
    path: Path
    done: int
    total: int


Message = Progress | Warned | Shown | Done | Failed


class Executor(Protocol):
    """Carries tasks out, each in its lane, and says how they fare."""

    def room(self, lane: Lane) -> int:
        """How many more tasks of `lane` could start now."""
        ...

    def expect(self, weights: str, texts: Sequence[str]) -> None:
        """Say which texts the coming renders with these weights will ask for, so that they are encoded together."""
        ...

    def start(self, task: Task) -> None:
        """Begin a task. There must be room."""
        ...

    def wait(self, timeout: float) -> list[Message]:
        """What has happened since the last call; waits up to `timeout` seconds for something."""
        ...

    def close(self) -> None:
        """End all workers, at once. What they had not finished is not made."""
        ...
