"""How a training went: its losses, those on held-out photos, its likeness, and which weights are kept and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from filmforge.lora.likeness import placed


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured after `step` steps (0: without the LoRA).

    `losses` are the held-out ones, one for each pair of photo and noise level. `near` is the mean cosine of pictures
    drawn then to the held-out photos; None where pictures and photos are not compared.
    """

    step: int
    losses: tuple[float, ...]
    near: float | None = None

    @property
    def mean(self) -> float:
        return sum(self.losses) / len(self.losses)


@dataclass(frozen=True, slots=True)
class Curve:
    """One expert's training so far: the loss and the learning rate of each of its steps, out of `steps`.

    `alike` is how near the other photos of the character are to the held-out ones, a mean cosine; None as `near` is.
    """

    steps: int
    losses: tuple[float, ...]
    rates: tuple[float, ...]
    measured: tuple[Measured, ...] = ()
    alike: float | None = None

    @property
    def kept(self) -> int:
        """After which step the weights are those that are kept."""
        best = kept(self.measured, self.alike)
        return len(self.losses) if best is None else best.step

    def likeness(self, one: Measured) -> float | None:
        """How like the character the pictures drawn at `one` are, as `likeness` has it."""
        return likeness(one, self.measured, self.alike)

    @property
    def reason(self) -> str:
        """Why those weights are kept, in a sentence."""
        best = kept(self.measured, self.alike)
        if best is None:
            return f"step {self.kept}, the last: there are too few photos to hold one out"
        lowest, last = _lowest(self.measured), self.measured[-1]
        step = f"step {best.step}, the last" if best == last else f"step {best.step} of {self.steps}"
        end = "" if best == last else f"; it ended at {self._figures(last)}"
        if self.likeness(best) is not None:
            return f"{step}: {self._likest(best, lowest)}{end}"
        if best == lowest:
            return f"{step}: the loss on held-out photos is lowest there, {best.mean:.4f}{end}"
        return (
            f"{step}: on held-out photos it has {self._share(best)} of the most that was gained, at step "
            f"{lowest.step} (loss {best.mean:.4f}, there {lowest.mean:.4f}){end}"
        )

    def _likest(self, best: Measured, lowest: Measured) -> str:
        said = f"its pictures are likest to the held-out photos, likeness {self.likeness(best):.2f}"
        if best == lowest:
            return f"{said}, and the loss on those is lowest there, {best.mean:.4f}"
        return (
            f"{said}, of the steps that have half of the most that was gained on them (it has {self._share(best)}, "
            f"loss {best.mean:.4f}; lowest at step {lowest.step}, {self._figures(lowest)})"
        )

    def _share(self, one: Measured) -> str:
        return f"{_gain(one, self.measured):.0%}"

    def _figures(self, one: Measured) -> str:
        found = self.likeness(one)
        return f"{one.mean:.4f}" + (f" and likeness {found:.2f}" if found is not None else "")

    @property
    def in_vain(self) -> bool:
        """Whether the held-out photos came no nearer than they were without the LoRA."""
        before = [m.mean for m in self.measured if m.step == 0]
        best = kept(self.measured, self.alike)
        return best is not None and bool(before) and best.mean >= before[0]

    def to_json(self) -> dict[str, Any]:
        best = kept(self.measured, self.alike)
        found = self.likeness(best) if best is not None else None
        return {
            "losses": [round(loss, 6) for loss in self.losses],
            "held_out": [
                {"step": m.step, "loss": round(m.mean, 6)} | _named(self.likeness(m)) for m in self.measured
            ],
            "kept": {"step": self.kept, "because": self.reason} | _named(found),
        }


def _named(found: float | None) -> dict[str, float]:
    return {} if found is None else {"likeness": found}


GIVEN_BACK = 0.5
"""The most of its gain on held-out photos that a step may have given back, or not have made yet, and still be kept."""


def kept(measured: Sequence[Measured], alike: float | None = None) -> Measured | None:
    """Of the measurements after training began, the one whose weights are kept; None where there are none.

    Only steps count that have half of what the lowest held-out loss had gained over the model without the LoRA: weights
    that have lost most of the gain have only learned their photos by heart. Of those it is the likest, and of equally
    like ones that with the lowest loss. Where likeness was not measured it is the latest: the held-out loss turns long
    before a character is learned. On pocket it was lowest at step 112 of 450, where the coat was not hers yet, and 5 %
    higher at the end, where it was.
    """
    standing = _standing(measured)
    compared = [m for m in standing if likeness(m, measured, alike) is not None]
    if compared:
        return max(compared, key=lambda m: _rank(m, measured, alike))
    if any(m.near is not None for m in measured):
        return _lowest(measured) if standing else None
    return standing[-1] if standing else None


def stands(measured: Sequence[Measured]) -> bool:
    """Whether the latest of the measurements may be kept, by its loss; if not, it never will be."""
    return measured[-1] in _standing(measured)


def may_be_kept(measured: Sequence[Measured], alike: float | None = None) -> list[Measured]:
    """The measurements whose weights must be put aside: the one that is kept, and any that may be kept later.

    The lowest loss may still fall, and a step then lose its standing. What is kept instead is among those to which no
    other is to be preferred in both loss and likeness.
    """
    found: list[Measured] = []
    likest = -1.0
    for one in sorted(_standing(measured), key=lambda m: (m.mean, -m.step)):
        value = likeness(one, measured, alike)
        if value is not None and value > likest:
            found.append(one)
            likest = value
    best = kept(measured, alike)
    return found or ([best] if best is not None else [])


def likeness(one: Measured, measured: Sequence[Measured], alike: float | None) -> float | None:
    """0 is as without the LoRA, 1 as the other photos are, in hundredths, since less is chance; None if not measured.

    A picture may be nearer to the held-out photos than the others are; what has learned by heart has no standing.
    """
    floor = next((m.near for m in measured if m.step == 0), None)
    if one.near is None or floor is None or alike is None:
        return None
    return round(placed(one.near, floor, alike), 2)


def _rank(one: Measured, measured: Sequence[Measured], alike: float | None) -> tuple[float, float, int]:
    """What is kept of several: the likest, then the one with the lowest loss, then the latest."""
    return likeness(one, measured, alike) or 0.0, -one.mean, one.step


def _standing(measured: Sequence[Measured]) -> list[Measured]:
    """The measurements after training began that have half of the most that was gained, the lowest always."""
    after = [m for m in measured if m.step > 0]
    return [m for m in after if m == _lowest(measured) or _gain(m, measured) >= 1 - GIVEN_BACK]


def _lowest(measured: Sequence[Measured]) -> Measured:
    return min((m for m in measured if m.step > 0), key=lambda m: m.mean)


def _gain(one: Measured, measured: Sequence[Measured]) -> float:
    """How much of the greatest gain over the model without the LoRA `one` has; 0 where there was none."""
    before = next((m.mean for m in measured if m.step == 0), -math.inf)
    greatest = before - _lowest(measured).mean
    return (before - one.mean) / greatest if greatest > 0 else 0.0
