"""Clips that continue one another: no frame twice, and no jump in colour where they meet."""

from __future__ import annotations

import numpy as np
import pytest

from filmforge.editing.seam import Frames, colour_steps, continuing, matched


def clip(count: int, level: float, drift: float, seed: int = 0) -> Frames:
    """Noise about a level that drifts by so much a frame."""
    chance = np.random.default_rng(seed)
    frames = [level + drift * i + chance.normal(0, 20, (24, 32, 3)) for i in range(count)]
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def test_the_shared_frame_is_shown_once() -> None:
    """A clip of 4 frames adds 3."""
    assert len(continuing(clip(4, 104, 1), clip(5, 100, 1)[-1])) == 3


@pytest.mark.parametrize(("offset", "jumps"), [(-30.0, True), (-1.0, False), (25.0, True)])
def test_the_seam_is_no_larger_than_a_step_inside(offset: float, jumps: bool) -> None:
    """Measured: the mean colour step at the seam is at most the largest inside the clips; unmatched it would jump."""
    first = clip(6, 110, 1.5)
    second = clip(6, 110 + 5 * 1.5 + offset, 1.5, seed=1)
    seam = colour_steps(np.stack([first[-1], continuing(second, first[-1])[0]]))[0]
    inside = max(colour_steps(first).max(), colour_steps(second).max())
    assert seam <= inside
    bare = colour_steps(np.stack([first[-1], second[1]]))[0]
    assert bool(bare > inside) is jumps


def test_a_clip_that_fits_already_is_left_alone() -> None:
    """Equal colours: not a pixel changes."""
    frames = clip(3, 90, 0)
    assert np.array_equal(matched(frames, frames[0]), frames)


def test_each_channel_on_its_own() -> None:
    """A cast of one channel is taken out of that one."""
    frames = clip(3, 120, 0)
    cast = frames.copy()
    cast[..., 2] += 12
    back = matched(cast, frames[0])
    assert np.abs(back.astype(int) - frames).max() <= 1
