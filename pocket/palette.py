"""Named colours of the paper theatre, and small arithmetic on them.

A colour is an ``(r, g, b)`` tuple of integers 0..255; skia wants ARGB integers.
"""

from __future__ import annotations

import colorsys

import numpy as np

RGB = tuple[int, int, int]

CREAM: RGB = (250, 241, 222)
INK: RGB = (38, 30, 40)

# The eight colours of the vocabulary. Far apart in hue or lightness, so that a judge (and a
# child) can name them under a dusk light too.
COLOURS: dict[str, RGB] = {
    "red": (214, 52, 46),
    "orange": (240, 138, 36),
    "yellow": (248, 208, 60),
    "green": (74, 158, 72),
    "blue": (48, 104, 200),
    "purple": (134, 72, 176),
    "pink": (242, 136, 172),
    "white": (244, 242, 238),
}


def argb(colour: RGB, alpha: float = 1.0) -> int:
    """The colour as skia's 32-bit integer, alpha 0..1."""
    r, g, b = colour
    return (round(alpha * 255) << 24) | (r << 16) | (g << 8) | b


def mix(a: RGB, b: RGB, t: float) -> RGB:
    """Linear blend from ``a`` (t=0) to ``b`` (t=1)."""
    r, g, b_ = (round(x + (y - x) * t) for x, y in zip(a, b, strict=True))
    return (r, g, b_)


def darker(colour: RGB, amount: float = 0.25) -> RGB:
    """Towards ink, as a second sheet of the same paper in shade."""
    return mix(colour, INK, amount)


def lighter(colour: RGB, amount: float = 0.35) -> RGB:
    """Towards cream."""
    return mix(colour, CREAM, amount)


def vary(rng: np.random.Generator, colour: RGB, amount: float = 10.0) -> RGB:
    """The same named colour from another sheet: a little lighter, darker or warmer."""
    noise = rng.normal(0.0, amount, 3) * 0.5 + rng.normal(0.0, amount) * 0.5
    r, g, b = (int(np.clip(c + n, 0, 255)) for c, n in zip(colour, noise, strict=True))
    return (r, g, b)


def any_colour(rng: np.random.Generator) -> RGB:
    """Any colour of the circle; pale, bright or dark."""
    h = float(rng.random())
    s = float(np.sqrt(rng.random()))
    v = float(0.25 + 0.75 * np.sqrt(rng.random()))
    r, g, b = colorsys.hsv_to_rgb(h, s, v)
    return (int(r * 255), int(g * 255), int(b * 255))
