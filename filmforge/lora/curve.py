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
        return (
            f"{step}: the loss on held-out photos, {best.mean:.4f}, differs only by chance from the lowest, "
            f"{lowest.mean:.4f} at step {lowest.step}{end}"
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


def kept(measured: Sequence[Measured]) -> Measured | None:
    """Of the measurements after training began, the one whose weights are kept; None where there are none.

    The latest that is worse than the lowest by no more than the standard error of the difference, pair by pair: the
    rule of one standard error (Breiman et al. 1984, "Classification and Regression Trees"), here towards more
    training. The loss is flat where a character is still being learned.
    """
    after = [m for m in measured if m.step > 0]
    if not after:
        return None
    lowest = _lowest(measured)
    return next(m for m in reversed(after) if _as_good(m, lowest))


def _lowest(measured: Sequence[Measured]) -> Measured:
    return min((m for m in measured if m.step > 0), key=lambda m: m.mean)


def _as_good(one: Measured, lowest: Measured) -> bool:
    worse = [a - b for a, b in zip(one.losses, lowest.losses, strict=True)]
    mean = sum(worse) / len(worse)
    spread = sum((value - mean) ** 2 for value in worse) / max(1, len(worse) - 1)
    return mean <= math.sqrt(spread / len(worse))
