"""An independent judge of motion: is a clip frozen, torn, or does it move as drawn clips do?

Two figures of a clip (T, H, W, 3) decide. *Stir*: the share of pixels whose lightness anywhere in the
clip leaves that of the first frame by more than STEP. *Jump*: the largest share of pixels that change
by more than STEP from one frame to the next. The limits lie between drawn clips, drawn clips held
still, and drawn clips spliced from two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEP = 16.0  # of 255: more than a repeated decode of a still wavers, less than any drawn edge


def stir_and_jump(frames: np.ndarray) -> tuple[float, float]:
    """Both figures, each 0..1, of uint8 frames (T, H, W, 3)."""
    light = frames.astype(np.float32).mean(-1)
    stir = float((np.abs(light - light[0]).max(0) > STEP).mean())
    jump = float((np.abs(np.diff(light, axis=0)) > STEP).mean((1, 2)).max())
    return stir, jump


@dataclass(frozen=True)
class MotionJudge:
    """Limits found on drawn clips, and how often they are right on drawn clips kept from them."""

    least_stir: float
    most_jump: float
    accuracy: float

    def verdict(self, frames: np.ndarray) -> str:
        """``frozen``, ``torn`` or ``moves``."""
        stir, jump = stir_and_jump(frames)
        return "frozen" if stir < self.least_stir else "torn" if jump > self.most_jump else "moves"


def taught(clips: np.ndarray, held_out: np.ndarray) -> MotionJudge:
    """From drawn clips (N, T, H, W, 3): the limits; from ``held_out``: their accuracy."""
    stirs, jumps = (np.array(x) for x in zip(*map(stir_and_jump, clips), strict=True))
    torn = np.array([stir_and_jump(c)[1] for c in _spliced(clips)])
    limits = np.linspace(jumps.min(), max(torn.max(), jumps.max()), 200)
    right = [float((jumps <= x).mean() + (torn > x).mean()) for x in limits]
    judge = MotionJudge(float(np.quantile(stirs, 0.01)) / 2, float(limits[int(np.argmax(right))]), 0.0)
    cases = [
        *((c, "moves") for c in held_out),
        *((np.repeat(c[:1], len(c), 0), "frozen") for c in held_out),
        *((c, "torn") for c in _spliced(held_out)),
    ]
    accuracy = float(np.mean([judge.verdict(c) == truth for c, truth in cases]))
    return MotionJudge(judge.least_stir, judge.most_jump, accuracy)


def _spliced(clips: np.ndarray) -> list[np.ndarray]:
    """Each clip's first half, then another clip's second half."""
    middle = clips.shape[1] // 2
    return [
        np.concatenate([a[:middle], b[middle:]]) for a, b in zip(clips, np.roll(clips, 1, 0), strict=True)
    ]
