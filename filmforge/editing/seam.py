"""Joins clips that continue one another: the frame they share is shown once, and the colours do not jump there.

A model that starts from a picture draws that picture again as its first frame, a little lighter or warmer than it
was. By as much the whole clip is off, so by as much it is put right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
"""Pictures: count x height x width x 3, RGB, 0 to 255."""


def continuing(clip: Frames, before: Frames) -> Frames:
    """The frames to show of a clip that began with the picture `before` [height, width, 3]: those after its first,
    which is that picture again, matched to it in colour."""
    return matched(clip, before)[1:]


def matched(clip: Frames, before: Frames) -> Frames:
    """`clip` with the mean colour of its first frame brought to that of `before` [height, width, 3].

    The same is added to every frame, channel by channel: the step from `before` to the clip's second frame is then
    the one inside the clip, but for rounding and for colours at the ends of the scale. A gain would bend the contrast
    of the whole clip to one frame's.
    """
    off = before.mean(axis=(0, 1), dtype=np.float64) - clip[0].mean(axis=(0, 1), dtype=np.float64)
    levels = np.clip(np.rint(clip.astype(np.float32) + off.astype(np.float32)), 0, 255)
    frames: Frames = levels.astype(np.uint8)
    return frames


def colour_steps(frames: Frames) -> NDArray[np.float64]:
    """How far the mean colour moves from each frame to the next, in levels: [count - 1], the largest of the channels."""
    means = frames.mean(axis=(1, 2), dtype=np.float64)
    steps: NDArray[np.float64] = np.abs(np.diff(means, axis=0)).max(axis=1)
    return steps
