"""Drawn scenes to judge: many shapes on a ground, another one for each number."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from filmforge.photos.reading import Photo


def scene(number: int, size: tuple[int, int] = (480, 320), ground: str | None = None) -> Image.Image:
    """The scene of a number: equal numbers give equal pixels. With `ground`, the shapes stay off its edges."""
    chance = np.random.default_rng(number)
    width, height = size
    colour = tuple(int(v) for v in chance.integers(0, 255, 3))
    image = Image.new("RGB", size, ground or colour)
    draw = ImageDraw.Draw(image)
    margin = 0.25 if ground else -0.1
    for _ in range(14):
        x, y = chance.uniform(margin, 1 - margin, 2) * (width, height)
        r = chance.uniform(0.02, 0.12) * height
        fill = tuple(int(v) for v in chance.integers(0, 255, 3))
        kind = draw.ellipse if chance.random() < 0.5 else draw.rectangle
        kind((x - r, y - r, x + 2 * r, y + r), fill=fill, outline="black", width=2)
    return image


def photo(image: Image.Image, name: str = "a.png", caption: str | None = "mira waves") -> Photo:
    """A photo of exactly this picture."""
    return Photo(name, image.size, np.asarray(image.convert("RGB")), caption)


def soft(image: Image.Image, by: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(by))
