"""How a training went: its losses, those on held-out photos, and which weights are kept, for which reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Measured:
    """The held-out losses after `step` steps (0: without the LoRA), one for each pair of photo and noise level."""

    step: int
    losses: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.losses) / len(self.losses)


@dataclass(frozen=True, slots=True)
class Curve:
    """One expert's training so far: the loss and the learning rate of each of its steps, out of `steps`."""

    steps: int
    losses: tuple[float, ...]
    rates: tuple[float, ...]
    measured: tuple[Measured, ...] = ()

    @property
    def kept(self) -> int:
        """After which step the weights are those that are kept."""
        best = kept(self.measured)
        return len(self.losses) if best is None else best.step

    @property
    def reason(self) -> str:
        """Why those weights are kept, in a sentence."""
        best = kept(self.measured)
        if best is None:
            return f"step {self.kept}, the last: there are too few photos to hold one out"
        lowest, last = _lowest(self.measured), self.measured[-1]
        step = f"step {best.step}, the last" if best == last else f"step {best.step} of {self.steps}"
        end = "" if best == last else f"; it ended at {last.mean:.4f}"
        if best == lowest:
            return f"{step}: the loss on held-out photos is lowest there, {best.mean:.4f}{end}"
        share = _gain(best, self.measured)
        return (
            f"{step}: on held-out photos it has {share:.0%} of the most that was gained, at step {lowest.step} "
            f"(loss {best.mean:.4f}, there {lowest.mean:.4f}){end}"
        )

    @property
    def in_vain(self) -> bool:
        """Whether the held-out photos came no nearer than they were without the LoRA."""
        before = [m.mean for m in self.measured if m.step == 0]
        best = kept(self.measured)
        return best is not None and bool(before) and best.mean >= before[0]

    def to_json(self) -> dict[str, Any]:
        return {
            "losses": [round(loss, 6) for loss in self.losses],
            "held_out": [{"step": m.step, "loss": round(m.mean, 6)} for m in self.measured],
            "kept": {"step": self.kept, "because": self.reason},
        }


GIVEN_BACK = 0.5
"""The most of its gain on held-out photos that a later step may have given back and still be kept."""


def kept(measured: Sequence[Measured]) -> Measured | None:
    """Of the measurements after training began, the one whose weights are kept; None where there are none.

    The latest that has given back no more than half of what the lowest had gained over the model without the LoRA. The
    held-out loss turns long before a character is learned: on pocket it was lowest at step 112 of 450, where the coat was
    not hers yet, and 5 % higher at the end, where it was. But weights that have lost most of the gain have only learned
    their photos by heart.
    """
    after = [m for m in measured if m.step > 0]
    if not after:
        return None
    lowest = _lowest(measured)
    return next(m for m in reversed(after) if m == lowest or _gain(m, measured) >= 1 - GIVEN_BACK)


def _lowest(measured: Sequence[Measured]) -> Measured:
    return min((m for m in measured if m.step > 0), key=lambda m: m.mean)


def _gain(one: Measured, measured: Sequence[Measured]) -> float:
    """How much of the greatest gain over the model without the LoRA `one` has; 0 where there was none."""
    before = next((m.mean for m in measured if m.step == 0), -math.inf)
    greatest = before - _lowest(measured).mean
    return (before - one.mean) / greatest if greatest > 0 else 0.0
