"""A handwriting: letters as strokes of a pen, drawn for this film, with what letters its letter needs.

A letter is its width and its strokes; x grows to the right and y upwards, 0 the line written on, 1 the height
of a small letter, 2 of a tall one, -1 the depth of a tail. Strokes are smooth curves through their points.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from workshop.paper import SCALE, Table, curve

LETTERS: dict[str, tuple[float, str]] = {
    " ": (0.62, ""),
    "a": (1.05, ".84,.86 .5,1.02 .14,.75 .1,.25 .38,-.02 .74,.3 .88,.92 .85,.3 1.02,.02"),
    "b": (0.98, ".1,2 .12,1 .12,.06 .16,.55 .5,.98 .85,.62 .72,.1 .34,-.02 .12,.18"),
    "c": (0.92, ".8,.8 .5,1 .13,.66 .16,.2 .5,-.02 .86,.2"),
    "e": (0.94, ".12,.48 .55,.56 .78,.76 .54,1 .16,.7 .16,.2 .5,-.02 .9,.22"),
    "f": (0.78, ".78,1.82 .54,2 .36,1.6 .35,.6 .3,-.1; .06,.96 .7,1.02"),
    "g": (1.02, ".85,.86 .5,1.02 .13,.75 .13,.3 .4,.05 .75,.36 .88,.92 .86,-.2 .75,-.82 .4,-1 .12,-.72"),
    "h": (1.02, ".12,2 .12,1 .1,0; .12,.6 .45,1 .76,.8 .78,.3 .86,.02 1,.08"),
    "i": (0.52, ".15,1 .14,.3 .28,.01 .46,.14; .17,1.42 .2,1.5"),
    "k": (0.94, ".12,2 .12,1 .12,0; .76,1 .42,.66 .16,.48 .44,.36 .86,0"),
    "l": (0.52, ".12,2 .13,1 .14,.25 .28,.01 .48,.14"),
    "m": (1.4, ".1,1 .12,.5 .1,0; .12,.6 .38,1 .6,.76 .6,0; .6,.6 .88,1 1.1,.76 1.12,.2 1.32,.04"),
    "n": (1.02, ".1,1 .12,.5 .1,0; .12,.6 .45,1 .75,.78 .77,.25 .95,.04"),
    "o": (0.98, ".5,1 .16,.75 .13,.25 .45,-.02 .82,.25 .84,.7 .54,1 .62,.86 .98,.86"),
    "p": (0.98, ".12,1 .12,0 .1,-1; .12,.6 .5,1 .85,.62 .72,.1 .36,0 .13,.24"),
    "r": (0.78, ".1,1 .12,.5 .1,0; .12,.55 .4,.96 .72,.88"),
    "s": (0.84, ".74,.85 .45,1.02 .16,.8 .42,.52 .72,.27 .48,-.01 .1,.14"),
    "t": (0.8, ".36,1.62 .34,.6 .42,.08 .62,.02 .8,.16; .06,1.1 .72,1.17"),
    "u": (1.04, ".1,1 .12,.3 .4,0 .74,.3 .83,1 .82,.3 1,.04"),
    "D": (1.36, ".2,1.98 .2,1 .18,.02; .02,1.96 .62,1.94 1.14,1.44 1.12,.6 .6,.06 .02,.02"),
    "M": (1.64, ".08,0 .2,1 .28,1.96 .5,1.3 .76,.72 1.04,1.3 1.28,1.96 1.38,1 1.5,.02"),
    "I": (0.86, ".1,1.98 .72,2; .42,1.98 .4,1 .4,.02; .08,0 .76,.04"),
    "K": (1.22, ".18,2 .18,1 .16,0; 1.02,1.98 .6,1.4 .22,.98; .32,1.06 .7,.62 1.16,0"),
    "O": (1.42, ".74,2 .2,1.56 .12,.6 .62,0 1.2,.5 1.26,1.5 .8,2 .5,1.9"),
    ",": (0.4, ".2,.08 .22,-.08 .1,-.35"),
    "'": (0.34, ".2,2 .14,1.6"),
    ".": (0.4, ".16,.02 .2,.06"),
    "!": (0.5, ".26,2 .2,1.2 .18,.5; .16,.02 .19,.06"),
}


def write(
    table: Table,
    text: str,
    at: tuple[float, float],
    size: float,
    degrees: float,
    ink: tuple[int, int, int],
    seed: int,
) -> None:
    """Writes one line. `at` is the left end of its base line, `size` the height of a small letter in pixels.

    Raises KeyError for a letter that this hand never learnt.
    """
    rng = np.random.default_rng(seed)
    mask = table.blank()
    draw = ImageDraw.Draw(mask)
    a = math.radians(degrees)
    pen = 0.0
    for letter in text:
        width, strokes = LETTERS[letter]
        drop, lean, grow = rng.normal(0, 0.035), 0.16 + rng.normal(0, 0.02), 1 + rng.normal(0, 0.025)
        for stroke in filter(None, strokes.split(";")):
            points = [(float(x), float(y)) for x, y in (pair.split(",") for pair in stroke.split())]
            smooth = curve(points, 24)
            for i, (x, y) in enumerate(smooth):
                along = i / max(1, len(smooth) - 1)
                press = 0.075 * (0.72 + 0.4 * math.sin(math.pi * min(1.0, along * 1.15)) + 0.12 * (y < 0.5))
                px, py = (pen + (x + lean * y) * grow) * size, -(y * grow + drop) * size
                cx = (at[0] + px * math.cos(a) - py * math.sin(a)) * SCALE
                cy = (at[1] + px * math.sin(a) + py * math.cos(a)) * SCALE
                r = press * size * SCALE
                draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=255)
        pen += width + 0.14
    table.image.paste(Image.new("RGB", table.size, ink), (0, 0), mask)
