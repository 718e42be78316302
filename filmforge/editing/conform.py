"""Which frame of a source is shown at each frame of the film: the exact 'hold' mapping, in whole numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction


def source_index(n: int, film_fps: Fraction, source_fps: Fraction, start: int = 0) -> int:
    """The source frame on screen at film frame `n` of a shot that begins `start` film frames into the source.

    The frame at or before that instant is held: at 8 fps in a film of 24 each frame is shown three times, at
    25 in 24 one in 25 is passed over. Exact for any two rates, as no floating-point number takes part.
    """
    return (start + n) * source_fps * (1 / Fraction(film_fps)) // 1


def frames_needed(count: int, film_fps: Fraction, source_fps: Fraction, start: int = 0) -> int:
    """How many frames, from its first, a source must have to fill `count` film frames after `start`."""
    return source_index(count - 1, film_fps, source_fps, start) + 1 if count > 0 else 0


def frames_covered(frames: int, film_fps: Fraction, source_fps: Fraction) -> int:
    """How many film frames a source of `frames` frames fills: the largest count that it has frames for."""
    return -(-frames * Fraction(film_fps) // source_fps)


def held_at_times(
    count: int,
    film_fps: Fraction,
    times: Sequence[Fraction],
    start: int = 0,
    tolerance: Fraction = Fraction(0),
) -> Iterator[int]:
    """For each of `count` film frames, the index of the source frame on screen, for frames that last
    unequally.

    `times` are the instants, in seconds from the first frame and ascending, at which source frames appear.
    `tolerance` absorbs what a container's clock rounded (half of its tick).
    """
    for n in range(count):
        yield max(0, bisect_right(times, Fraction(start + n) / film_fps + tolerance) - 1)
