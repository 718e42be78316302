"""The step: a value that says what is to be made from what, and its key.

A step's key is the digest of its kind, the version of the kind's output format, its params, and the content
digests of its inputs, and of nothing else: no path, time, host, attempt or version of the tool. So a result
is found again wherever and whenever the same thing is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from filmforge.store.encoding import digest_of

FORMATS: Mapping[str, int] = {
    "lora": 1,
    "render": 1,
    "base": 1,
    "likeness": 1,
    "pick": 1,
    "frame": 1,
    "plate": 1,
    "segment": 1,
    "mix": 1,
    "cut": 1,
}
"""The version of each kind's output format. Raised only when older outputs could not be read any more."""

DEVICE_KINDS = frozenset({"lora", "render", "base"})
"""Kinds that need a model on a device; all others need FFmpeg and a processor."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that the filmmaker gave, by content. `path` is where it lies; only the digest enters a key.

    A file of the machine (one from the hub) lies `at` an absolute path; its `path` is what it is called.
    """

    path: str
    digest: str
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """An output of another step, by that step's full name."""

    step: str
    output: str = "main"


Input = Source | Made


@dataclass(frozen=True, slots=True)
class Enough:
    """When a step is needless: when one of the `likeness` steps `measured` found all that is asked.

    `asked` is the least likeness by character. Nothing of it enters a key: what a step makes, if it is made, is the
    same whatever it was made for.
    """

    measured: tuple[str, ...]
    asked: Mapping[str, float]

    def reached(self, found: Mapping[str, float]) -> bool:
        """Whether what one take was found to be is enough."""
        return all(found.get(who, 0.0) >= least for who, least in self.asked.items())


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to make.

    `params` is plain JSON data. `inputs` maps a role to what fills it. `subject` is what the step is about in
    the film (a shot's full name, `character@model`, a delivery), for `--only` and `why`. `affinity` names the
    model and LoRAs that the step needs loaded; steps of one affinity are run one after another. `lasting` is
    an upper bound of its work in sampling steps or frames, for estimates only.
    """

    kind: str
    name: str
    params: Mapping[str, Any]
    inputs: Mapping[str, Input] = field(default_factory=dict)
    subject: str = ""
    affinity: str = ""
    hints: Mapping[str, Any] = field(default_factory=dict)
    """What helps to carry the step out and changes nothing of its result: where weights lie, work to expect."""
    unless: Enough | None = None
    """What makes the step needless; it is not carried out before that is known."""

    @property
    def device(self) -> bool:
        """Whether the step needs a model on a device. Drawn storyboard cards are renders that need none."""
        return self.kind in DEVICE_KINDS and self.affinity != ""

    def made_from(self) -> list[str]:
        """The names of the steps whose outputs this one uses, each once, in the order of the inputs."""
        return list(dict.fromkeys(i.step for i in self.inputs.values() if isinstance(i, Made)))

    def comes_after(self) -> list[str]:
        """The names of the steps whose fate must be known first: those it is made from, and those it may be spared by."""
        return [*dict.fromkeys((*self.made_from(), *(self.unless.measured if self.unless else ())))]

    def key(self, digests: Mapping[str, str]) -> str:
        """The step's key, given the content digest of each input by role. Hexadecimal SHA-256."""
        value = {"format": FORMATS.get(self.kind, 1), "params": self.params, "inputs": dict(digests)}
        return digest_of(self.kind, value)
