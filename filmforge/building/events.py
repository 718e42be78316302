"""What a build says while it runs: plain values, the same for a terminal, a pipe, `--json` and a callback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

StepState = Literal["ran", "cached", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Planned:
    """The build begins: how many steps run, wait and are cached, and the seconds expected (None: unknown)."""

    run: int
    waits: int
    cached: int
    seconds: float | None

    def to_json(self) -> dict[str, Any]:
        return {
            "event": "plan",
            "run": self.run,
            "waits": self.waits,
            "cached": self.cached,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Started:
    """A step begins, for these reasons."""

    step: str
    kind: str
    because: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"event": "start", "step": self.step, "kind": self.kind, "because": list(self.because)}


@dataclass(frozen=True, slots=True)
class Progressed:
    """A step is `done` of `total` through (0 of 0: unknown), with about `left` seconds to go (None: unknown)."""

    step: str
    kind: str
    done: int
    total: int
    note: str
    left: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "event": "progress",
            "step": self.step,
            "done": self.done,
            "total": self.total,
            "note": self.note,
            "left": self.left,
        }


@dataclass(frozen=True, slots=True)
class Previewed:
    """A picture of what a step is making, as it is after `done` of `total` sampling steps.

    `file` is named from the film's folder where it lies in it. The next picture of the shot takes its place.
    """

    step: str
    file: str
    done: int
    total: int

    def to_json(self) -> dict[str, Any]:
        return {
            "event": "preview",
            "step": self.step,
            "file": self.file,
            "done": self.done,
            "total": self.total,
        }


@dataclass(frozen=True, slots=True)
class Finished:
    """A step's fate."""

    step: str
    kind: str
    state: StepState
    seconds: float = 0.0
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "event": "step",
            "step": self.step,
            "kind": self.kind,
            "state": self.state,
            "seconds": round(self.seconds, 3),
        }
        return said | ({"message": self.message} if self.message else {})


@dataclass(frozen=True, slots=True)
class Noted:
    """Something the filmmaker should know that stops nothing."""

    message: str

    def to_json(self) -> dict[str, Any]:
        return {"event": "note", "message": self.message}


@dataclass(frozen=True, slots=True)
class FilmDone:
    """The build ends. `ran` and `cached` count steps by kind; `outputs` are delivered files, from the film's folder."""

    state: Literal["built", "failed"]
    ran: Mapping[str, int] = field(default_factory=dict)
    cached: Mapping[str, int] = field(default_factory=dict)
    failed: tuple[Finished, ...] = ()
    outputs: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "event": "film",
            "state": self.state,
            "ran": dict(self.ran),
            "cached": dict(self.cached),
            "failed": [f.step for f in self.failed],
            "outputs": list(self.outputs),
            "seconds": round(self.seconds, 3),
        }


Event = Planned | Started | Progressed | Previewed | Finished | Noted | FilmDone
OnEvent = Callable[[Event], None]
