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
        said = (
            "none whose pictures are as like to the held-out photos comes later, likeness "
            f"{self.likeness(best):.2f}"
        )
        if best == lowest:
            return f"{said}; the loss on those is lowest there, {best.mean:.4f}"
        return f"{said} (loss {best.mean:.4f}; lowest at step {lowest.step}, {self._figures(lowest)})"

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
        if best is None or not before:
            return False
        found = self.likeness(best)
        return found <= 0 if found is not None else best.mean >= before[0]

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

CHANCE = 0.02
"""By how much of likeness two steps may differ and be equally like: it is a mean of three pictures."""


def kept(measured: Sequence[Measured], alike: float | None = None) -> Measured | None:
    """Of the measurements after training began, the one whose weights are kept; None where there are none.

    Where likeness was measured it is the likest, and of equally like ones the latest; liker than the other photos are
    counts no more than as like. The held-out loss has no part in it: on pocket it turned before the middle for four of
    nine characters, while what an independent judge recognised in moving pictures went on growing (39 % of one's frames
    after 69 of 240 steps, 73 % after all of them).

    Elsewhere only steps count that have half of what the lowest held-out loss had gained over the model without the
    LoRA: weights that have lost most of the gain may only have learned their photos by heart. Of those it is the latest.
    On pocket the loss was lowest at step 112 of 450, where the coat was not hers yet, and 5 % higher at the end, where
    it was.

    Nothing is kept later that was not kept when it was measured, so no other weights need be put aside.
    """
    after = [m for m in measured if m.step > 0]
    found = {m.step: likeness(m, measured, alike) for m in after}
    compared = {step: value for step, value in found.items() if value is not None}
    if compared:
        enough = round(min(max(compared.values()), 1.0) - CHANCE, 2)
        latest = max(step for step, value in compared.items() if value >= enough)
        return next(m for m in after if m.step == latest)
    if any(m.near is not None for m in measured):
        return _lowest(measured) if after else None
    standing = [m for m in after if m == _lowest(measured) or _gain(m, measured) >= 1 - GIVEN_BACK]
    return standing[-1] if standing else None


def likeness(one: Measured, measured: Sequence[Measured], alike: float | None) -> float | None:
    """0 is as without the LoRA, 1 as the other photos are, in hundredths, since less is chance; None if not measured.

    A picture may be nearer to the held-out photos than the others are.
    """
    floor = next((m.near for m in measured if m.step == 0), None)
    if one.near is None or floor is None or alike is None:
        return None
    return round(placed(one.near, floor, alike), 2)


def _lowest(measured: Sequence[Measured]) -> Measured:
    return min((m for m in measured if m.step > 0), key=lambda m: m.mean)


def _gain(one: Measured, measured: Sequence[Measured]) -> float:
    """How much of the greatest gain over the model without the LoRA `one` has; 0 where there was none."""
    before = next((m.mean for m in measured if m.step == 0), -math.inf)
    greatest = before - _lowest(measured).mean
    return (before - one.mean) / greatest if greatest > 0 else 0.0
