"""Makes the film's pictures that no model renders: `python projects/lantern/stills.py` (Pillow and numpy).

`stills/letter.jpg` is Otto's letter on Mira's table, cut from paper as everything else in this world is; the
photo beside it is one of his own. `looks/*.cube` are the two colour grades. Another folder may be named.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from workshop.hand import write
from workshop.paper import CREAM, INK, RGB, Table, curve, rounded, turned

HERE = Path(__file__).parent
PEN: RGB = (44, 52, 92)
RED: RGB = (206, 52, 46)
GOLD: RGB = (250, 204, 56)


def planks(table: Table) -> None:
    """The table top: six boards of cut card, with a grain of thin strips."""
    rng = np.random.default_rng(3)
    browns: tuple[RGB, ...] = (
        (126, 92, 70), (138, 102, 78), (120, 86, 66), (134, 98, 74), (124, 90, 68), (136, 100, 76),
    )  # fmt: skip
    for row, brown in enumerate(browns):
        top, bottom = row * 184 - 12, (row + 1) * 184 - 18
        table.sheet(rounded(-20, top, 1940, bottom, 8), brown, height=5, shade=0.55)
        darker: RGB = tuple(int(c * 0.9) for c in brown)  # type: ignore[assignment]
        for _ in range(5):
            y, x = rng.uniform(top + 22, bottom - 22), rng.uniform(-100, 1500)
            length, sway = rng.uniform(300, 800), rng.uniform(-6, 6)
            upper = curve([(x, y), (x + length / 2, y + sway), (x + length, y)])
            lower = [(px, py + 5.5 * math.sin(math.pi * i / len(upper))) for i, (px, py) in enumerate(upper)]
            table.sheet([*upper, *reversed(lower)], darker, height=0)


def lantern(table: Table, x: float, y: float, size: float) -> None:
    """A paper lantern with its light on; (x, y) is the middle of its glass."""

    def part(points: list[tuple[float, float]], colour: RGB, height: float = 7, rim: float = 3) -> None:
        table.sheet(turned(points, (x, y), -4, size), colour, height=height, rim=rim)

    handle = [
        (60 * math.cos(math.radians(t)), -96 - 62 * math.sin(math.radians(t))) for t in range(-8, 189, 6)
    ]
    inner = [
        (47 * math.cos(math.radians(t)), -96 - 49 * math.sin(math.radians(t))) for t in range(188, -9, -6)
    ]
    part([*handle, *inner], (70, 62, 74))
    part([(-40, -128), (40, -128), (70, -84), (-70, -84)], (60, 52, 66))
    part(rounded(-58, -86, 58, 92, 14), (255, 222, 120), rim=0)
    part(rounded(-46, -74, 46, 80, 10), (255, 236, 166), height=0, rim=0)
    flame = curve([(0, -46), (24, 4), (22, 38), (0, 54), (-22, 38), (-24, 4), (0, -46)])
    part(flame, (255, 176, 62), height=2, rim=0)
    part(
        curve([(0, -12), (11, 18), (9, 36), (0, 44), (-9, 36), (-11, 18), (0, -12)]),
        (255, 246, 210),
        height=0,
        rim=0,
    )
    for side in (-1, 1):
        part(rounded(side * 52 - 8, -88, side * 52 + 8, 94, 6), (60, 52, 66), height=4, rim=0)
    part(rounded(-76, 86, 76, 116, 8), (60, 52, 66))
    part(rounded(-62, -98, 62, -78, 6), (84, 74, 88), height=4)


def boat(table: Table, x: float, y: float, size: float, degrees: float) -> None:
    """The little boat at the foot of the letter: two sails, a hull, two waves."""

    def part(points: list[tuple[float, float]], colour: RGB, height: float = 3) -> None:
        table.sheet(turned(points, (x, y), degrees, size), colour, height=height, rim=1.5, shade=0.4)

    part([(-4, -92), (-4, 0), (-62, 0)], (238, 232, 220))
    part([(6, -104), (6, 0), (54, 0)], (232, 120, 66))
    part(curve([(-78, 6), (78, 6), (54, 40), (-52, 40), (-78, 6)], 3), RED)
    for row, blue in enumerate(((70, 140, 180), (46, 104, 156))):
        half = 130 - 26 * row  # the sea is a bowl: each wave shorter than the one behind it
        crest = [
            (-half + half * i / 16, 30 + 18 * row - 7 * abs(math.sin(math.pi * (i + row) / 4)))
            for i in range(33)
        ]
        bowl = [
            (half * math.cos(math.radians(t)), 30 + 18 * row + 34 * math.sin(math.radians(t)))
            for t in range(0, 181, 6)
        ]
        part([*crest, *bowl], blue)


def star(table: Table, x: float, y: float, radius: float, degrees: float, colour: RGB) -> None:
    """A starfish: five round arms."""
    outline = [
        (radius * (0.62 + 0.38 * math.cos(5 * math.radians(t))) * math.sin(math.radians(t)),
         -radius * (0.62 + 0.38 * math.cos(5 * math.radians(t))) * math.cos(math.radians(t)))
        for t in range(0, 360, 3)
    ]  # fmt: skip
    table.sheet(turned(outline, (x, y), degrees), colour, height=7, rim=3)
    for arm in range(5):
        for step in (0.3, 0.5, 0.68):
            a = math.radians(72 * arm)
            x0, y0 = step * radius * math.sin(a), -step * radius * math.cos(a)
            dot = [(x0 + 4 * math.cos(t / 2), y0 + 4 * math.sin(t / 2)) for t in range(13)]
            table.sheet(turned(dot, (x, y), degrees), CREAM, height=0)


def pencil(table: Table, x: float, y: float, degrees: float) -> None:
    """A red pencil, much sharpened."""
    for points, colour, height in (
        (rounded(-150, -15, 120, 15, 3), RED, 7.0),
        (rounded(-150, -4, 120, 5, 1), (226, 92, 74), 0.0),
        (rounded(-186, -15, -150, 15, 8), (238, 150, 150), 5.0),
        (rounded(-160, -16, -142, 16, 2), GOLD, 0.0),
        ([(120, -15), (176, 0), (120, 15)], (238, 206, 160), 5.0),
        ([(158, -5), (178, 0), (158, 5)], INK, 0.0),
    ):
        table.sheet(turned(points, (x, y), degrees), colour, height=height)


def letter(photo: Image.Image) -> Image.Image:
    """Otto's letter, 1920x1080. `photo` is laid beside it."""
    table = Table(1920, 1080, (96, 62, 42))
    planks(table)
    # The envelope it came in, its edge striped as airmail is.
    tilt, centre = 9, (1270.0, 640.0)
    table.sheet(turned(rounded(-470, -300, 470, 300, 10), centre, tilt), (226, 214, 188), height=9, rim=0)
    for i in range(24):
        left = -462 + i * 39
        for edge in (-296, 278):
            stripe = [(left + 10, edge), (left + 28, edge), (left + 18, edge + 18), (left, edge + 18)]
            table.sheet(turned(stripe, centre, tilt), RED if i % 2 else (48, 92, 160), height=0)
    # The letter: two sheets, folded once, with faint lines to write on.
    centre, tilt = (905.0, 545.0), -4
    table.sheet(turned(rounded(-455, -450, 460, 455, 6), centre, tilt + 2.2), (236, 224, 198), height=8)
    table.sheet(turned(rounded(-455, -455, 455, 450, 6), centre, tilt), (252, 244, 226), height=8)
    for row in range(6):
        y = -262 + row * 112
        table.sheet(turned(rounded(-400, y, 400, y + 2.4, 1), centre, tilt), (222, 214, 200), height=0)
    table.sheet(turned(rounded(-455, -4, 455, 2, 1), centre, tilt), (238, 228, 208), height=1.5, shade=0.25)
    for row, text in enumerate(
        ("Dear Mira,", "I'll be back", "before the storm.", "Keep the light", "burning!")
    ):
        start = turned([(-350 if row else -390, -266 + row * 112)], centre, tilt)[0]
        write(table, text, start, 41, tilt, PEN, seed=20 + row)
    write(table, "Otto", turned([(120, 330)], centre, tilt)[0], 54, tilt - 5, PEN, seed=31)
    boat(table, *turned([(-190, 352)], centre, tilt)[0], 1.0, tilt)
    table.picture(photo, (1612, 336), 440, -7)
    for x, y, degrees in ((1420, 218, -42), (1792, 226, 34)):  # tape
        table.sheet(
            turned(rounded(-62, -19, 62, 19, 2), (x, y), degrees), (240, 206, 120), height=2, shade=0.3
        )
    lantern(table, 235, 520, 1.5)
    star(table, 1660, 905, 92, 14, (238, 146, 84))
    star(table, 345, 960, 58, -20, (232, 120, 108))
    pencil(table, 1420, 985, -8)
    return table.lit(
        ((235, 530, 400, 1.0), (980, 470, 620, 0.62)), ambient=(52, 60, 92), lamp=(255, 232, 190)
    )


def grade(teal: float, amber: float, contrast: float, warmth: float) -> str:
    """A .cube of 17 points a side: `teal` into the shadows, `amber` into the lights, 0..1, best small.

    The format is Adobe's "Cube LUT Specification 1.0": red varies fastest.
    """
    steps = np.linspace(0.0, 1.0, 17)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    rgb = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    light = (rgb @ np.array([0.2126, 0.7152, 0.0722]))[:, None]
    shadow, high = (1 - light) ** 2, light**2
    # Black stays black and white stays white: the tint leaves at both ends.
    tint = 4 * light * (1 - light)
    rgb = rgb + tint * (
        shadow * teal * np.array([-0.45, 0.12, 0.33]) + high * amber * np.array([0.35, 0.05, -0.40])
    )
    rgb = rgb + warmth * tint * np.array([0.05, 0.01, -0.05])
    curved = rgb + contrast * np.sin(2 * np.pi * (rgb - 0.5)) / (2 * np.pi)
    rows = "\n".join(" ".join(f"{v:.6f}" for v in row) for row in np.clip(curved, 0, 1))
    return f"LUT_3D_SIZE 17\nDOMAIN_MIN 0.0 0.0 0.0\nDOMAIN_MAX 1.0 1.0 1.0\n{rows}\n"


def make_all(folder: Path) -> list[Path]:
    """Writes the stills and the grades under `folder`, and returns their paths. Some seconds of one core."""
    stills, looks = folder / "stills", folder / "looks"
    for made in (stills, looks):
        made.mkdir(parents=True, exist_ok=True)
    with Image.open(HERE / "characters" / "otto" / "otto-09.png") as photo:
        letter(photo.convert("RGB")).save(stills / "letter.jpg", quality=88, subsampling=0, optimize=True)
    (looks / "storm.cube").write_text(grade(teal=0.22, amber=0.3, contrast=0.06, warmth=-0.1))
    (looks / "warm.cube").write_text(grade(teal=0.05, amber=0.1, contrast=0.05, warmth=0.7))
    return [stills / "letter.jpg", looks / "storm.cube", looks / "warm.cube"]


if __name__ == "__main__":
    for path in make_all(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE):
        print(f"{path}  {path.stat().st_size / 1024:.0f} KiB")
