"""Cut paper: sheets with a cream edge, laid on a picture so that they cast soft shadows.

A sheet is a shape (a mask), a colour and a height above what lies below. Coordinates are those of the
finished picture; drawing happens at SCALE times its size and is brought down at the end, so edges are smooth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

RGB = tuple[int, int, int]
Points = Sequence[tuple[float, float]]

SCALE = 2
CREAM: RGB = (250, 241, 222)
INK: RGB = (38, 30, 40)


class Table:
    """A picture being built from the back to the front."""

    def __init__(self, width: int, height: int, colour: RGB) -> None:
        self.size = (width * SCALE, height * SCALE)
        self.image = Image.new("RGB", self.size, colour)

    def blank(self) -> Image.Image:
        """An empty mask of the table's size."""
        return Image.new("L", self.size, 0)

    def shape(self, points: Points) -> Image.Image:
        """The mask of a polygon."""
        mask = self.blank()
        ImageDraw.Draw(mask).polygon([(x * SCALE, y * SCALE) for x, y in points], fill=255)
        return mask

    def lay(
        self, mask: Image.Image, colour: RGB, *, height: float = 6, rim: float = 0, shade: float = 0.5
    ) -> None:
        """Lays a sheet: its shadow falls to the lower right, `height` pixels off; `rim` is its cream edge."""
        box = mask.getbbox()
        if box is None:
            return
        # Only what lies near the sheet changes: a picture this large is slow to blur as a whole.
        room = round((2.5 * height + 2 * rim) * SCALE) + 8
        box = (max(0, box[0] - room), max(0, box[1] - room),
               min(self.size[0], box[2] + room), min(self.size[1], box[3] + room))  # fmt: skip
        mask = mask.crop(box)
        if height:
            fallen = Image.new("L", mask.size, 0)
            fallen.paste(mask, (round(height * 0.6 * SCALE), round(height * SCALE)))
            small = fallen.resize((mask.width // 4 + 1, mask.height // 4 + 1), Image.Resampling.BOX)
            shadow = small.filter(ImageFilter.GaussianBlur(height * 0.8 * SCALE / 4)).resize(mask.size)
            self.image.paste(INK, box, shadow.point(lambda v: int(v * shade)))
        if rim:
            grown = mask.filter(ImageFilter.GaussianBlur(rim * SCALE / 2)).point(
                lambda v: 255 if v > 20 else 0
            )
            self.image.paste(CREAM, box, ImageChops.lighter(grown, mask))
        self.image.paste(colour, box, mask)

    def sheet(
        self, points: Points, colour: RGB, *, height: float = 6, rim: float = 0, shade: float = 0.5
    ) -> None:
        """Lays a polygon."""
        self.lay(self.shape(points), colour, height=height, rim=rim, shade=shade)

    def picture(self, photo: Image.Image, centre: tuple[float, float], width: float, degrees: float) -> None:
        """Lays a photo with a white border, turned by `degrees` anticlockwise."""
        w = round(width * SCALE)
        h = round(w * photo.height / photo.width)
        edge = round(0.045 * w)
        print_ = Image.new("RGB", (w + 2 * edge, h + 4 * edge), (252, 247, 236))
        print_.paste(photo.resize((w, h), Image.Resampling.LANCZOS), (edge, edge))
        solid = Image.new("L", print_.size, 255)
        turned = print_.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
        solid = solid.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
        at = (round(centre[0] * SCALE - turned.width / 2), round(centre[1] * SCALE - turned.height / 2))
        mask, flat = self.blank(), Image.new("RGB", self.size)
        mask.paste(solid, at)
        flat.paste(turned, at)
        self.lay(mask, (252, 247, 236), height=9)
        self.image.paste(flat, (0, 0), mask)

    def lit(self, lamps: Sequence[tuple[float, float, float, float]], ambient: RGB, lamp: RGB) -> Image.Image:
        """The finished picture at its own size, dark but for `lamps`: (x, y, reach, strength) each."""
        small = self.image.resize((self.size[0] // SCALE, self.size[1] // SCALE), Image.Resampling.LANCZOS)
        pixels = np.asarray(small, np.float64) / 255
        rows, columns = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]]
        light = np.zeros(pixels.shape[:2])
        for x, y, reach, strength in lamps:
            light += strength / (1 + ((columns - x) ** 2 + (rows - y) ** 2) / reach**2)
        colour = np.array(ambient) / 255 + light[..., None] * np.array(lamp) / 255
        # The grain of paper: smooth, faint, the same every time.
        grain = np.random.default_rng(11).normal(0, 1, (pixels.shape[0] // 3 + 1, pixels.shape[1] // 3 + 1))
        soft = Image.fromarray(grain.astype(np.float32)).resize(small.size, Image.Resampling.BICUBIC)
        pixels = pixels * colour * (1 + 0.012 * np.asarray(soft)[..., None])
        pixels = np.where(
            pixels > 0.8, 0.8 + 0.2 * np.tanh((pixels - 0.8) / 0.2), pixels
        )  # paper does not burn out
        return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


def turned(
    points: Points, centre: tuple[float, float], degrees: float, size: float = 1.0
) -> list[tuple[float, float]]:
    """`points` around (0, 0), scaled by `size`, turned clockwise and moved to `centre`."""
    a = math.radians(degrees)
    return [
        (
            centre[0] + size * (x * math.cos(a) - y * math.sin(a)),
            centre[1] + size * (x * math.sin(a) + y * math.cos(a)),
        )
        for x, y in points
    ]


def rounded(left: float, top: float, right: float, bottom: float, radius: float) -> list[tuple[float, float]]:
    """A rectangle with round corners, as a polygon."""
    corners = ((right - radius, top + radius, -90), (right - radius, bottom - radius, 0),
               (left + radius, bottom - radius, 90), (left + radius, top + radius, 180))  # fmt: skip
    return [
        (x + radius * math.cos(math.radians(start + step)), y + radius * math.sin(math.radians(start + step)))
        for x, y, start in corners
        for step in range(0, 91, 9)
    ]


def curve(points: Points, steps: int = 12) -> list[tuple[float, float]]:
    """A smooth line through all points (Catmull-Rom)."""
    padded = [points[0], *points, points[-1]]

    def between(a: float, b: float, c: float, d: float, t: float) -> float:
        return 0.5 * (
            2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        )

    out = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        for step in range(steps):
            t = step / steps
            out.append((between(p0[0], p1[0], p2[0], p3[0], t), between(p0[1], p1[1], p2[1], p3[1], t)))
    return [*out, points[-1]]
