"""The places of the paper theatre, as layers of scenery from the sky to the front of the stage.

Stage units: the frame of a full shot is 160 wide and 96 high, y grows downwards, puppets stand
at y = 82. Layers reach well beyond the frame, so that every camera move stays inside the paper.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import skia

from pocket.palette import CREAM, INK, RGB, argb, darker, lighter, mix
from pocket.paper import curve, fill, oval, poly, rrect, shadow, stroke
from pocket.stagelight import Air, draw_glow

GROUND = 82.0
LEFT, RIGHT, TOP, BOTTOM = -110.0, 270.0, -80.0, 170.0

Draw = Callable[[skia.Canvas], None]


@dataclass(frozen=True)
class Layer:
    """One sheet of scenery. Depth 0 hangs at the back wall, 1 where puppets stand, above: front."""

    depth: float
    draw: Draw
    rock: float = 0.0  # how far it bobs with the waves, in stage units


def sheet(canvas: skia.Canvas, path: skia.Path, colour: RGB) -> None:
    """One cut sheet with its own soft shadow."""
    paint = shadow(1.6)
    paint.setAntiAlias(True)
    paint.setColor(argb(colour))
    canvas.drawPath(path, paint)


def hills(base: float, height: float, period: float, phase: float) -> skia.Path:
    """A rolling edge across the whole stage."""
    path = skia.Path()
    path.moveTo(LEFT, BOTTOM)
    x = LEFT
    path.lineTo(x, base - height * math.sin(x / period + phase))
    while x < RIGHT:
        x += 6
        y = (
            base
            - height * math.sin(x / period + phase)
            - height * 0.4 * math.sin(x / period * 2.3 + phase * 2)
        )
        path.lineTo(x, y)
    path.lineTo(RIGHT, BOTTOM)
    path.close()
    return path


def waves(base: float, size: float, offset: float) -> skia.Path:
    """A scalloped edge of sea."""
    path = skia.Path()
    path.moveTo(LEFT, BOTTOM)
    x = LEFT + offset
    path.lineTo(LEFT, base)
    path.lineTo(x, base)
    while x < RIGHT:
        path.quadTo(x + size * 0.5, base - size * 0.55, x + size, base)
        x += size
    path.lineTo(RIGHT, BOTTOM)
    path.close()
    return path


def flat(base: float) -> skia.Path:
    return poly((LEFT, base), (RIGHT, base), (RIGHT, BOTTOM), (LEFT, BOTTOM))


def sky(air: Air, moon_x: float) -> Draw:
    """Gradient paper with the sun, or the moon and stars."""
    top, low = air.sky()

    def draw(c: skia.Canvas) -> None:
        paint = skia.Paint()
        paint.setShader(
            skia.GradientShader.MakeLinear([skia.Point(0, -14), skia.Point(0, 72)], [argb(top), argb(low)])
        )
        c.drawRect(skia.Rect.MakeLTRB(LEFT, TOP, RIGHT, BOTTOM), paint)
        if air.weather != "clear":
            if air.weather != "fog":
                cloud = mix(low, top, 0.45)
                for x, y, w in ((-60, 2, 44), (10, 6, 52), (70, 0, 60), (140, 7, 48), (215, 3, 52)):
                    sheet(c, oval(x, y, w * 0.62, 11), cloud)
            return
        if air.light == "day":
            c.drawCircle(moon_x, 16, 8.5, fill((255, 226, 120)))
            for x, y in ((moon_x - 70, 22), (moon_x + 46, 13), (moon_x - 150, 12), (moon_x + 120, 20)):
                sheet(c, rrect(x - 15, y - 3.5, x + 15, y + 3.5, 3.5), (252, 250, 242))
                sheet(c, oval(x - 2, y - 3.5, 8, 6), (252, 250, 242))
        elif air.light == "dusk":
            c.drawCircle(moon_x, 48, 13, fill((255, 214, 120)))
        else:
            c.drawCircle(moon_x, 17, 8.5, fill((250, 240, 200)))
            c.drawCircle(moon_x + 4.2, 14.6, 7.6, fill(mix(top, low, 0.3)))
            star = np.random.default_rng(7)
            for x, y, r in zip(
                star.random(70) * 360 - 100, star.random(70) * 110 - 60, star.random(70), strict=True
            ):
                c.drawCircle(x, y, 0.7 + 0.5 * r, fill((250, 244, 214)))

    return draw


def house(c: skia.Canvas, air: Air, x: float, base: float, w: float, h: float, wall: RGB, roof: RGB) -> None:
    sheet(
        c,
        poly((x - w / 2, base), (x - w / 2, base - h), (x + w / 2, base - h), (x + w / 2, base)),
        air.tone(wall),
    )
    sheet(
        c,
        poly((x - w * 0.62, base - h), (x, base - h - w * 0.55), (x + w * 0.62, base - h)),
        air.tone(roof, 0.7),
    )
    lit = air.glow((255, 214, 110))
    for dx in (-w * 0.24, w * 0.24):
        c.drawPath(rrect(x + dx - 2.6, base - h * 0.8, x + dx + 2.6, base - h * 0.8 + 6, 0.6), fill(lit))
    c.drawPath(rrect(x - 2.8, base - h * 0.36, x + 2.8, base, 1.2), fill(air.tone(darker(roof))))


def lighthouse(c: skia.Canvas, air: Air, x: float, base: float, s: float) -> None:
    """White tower with red bands; its lamp shines at dusk and night."""

    def at(*pts: tuple[float, float]) -> skia.Path:
        return poly(*((x + px * s, base + py * s) for px, py in pts))

    if air.light != "day":
        beam = skia.Paint(AntiAlias=True, BlendMode=skia.BlendMode.kScreen)
        beam.setShader(
            skia.GradientShader.MakeLinear(
                [skia.Point(x, 0), skia.Point(x - 90 * s, 0)],
                [argb((255, 226, 150), 0.75), argb((255, 226, 150), 0.0)],
            )
        )
        c.drawPath(at((0, -48), (-95, -62), (-95, -32)), beam)
    sheet(c, at((-7, 0), (-4.6, -42), (4.6, -42), (7, 0)), air.tone((246, 242, 232)))
    red = fill(air.tone((206, 58, 48)))
    c.drawPath(at((-6.5, -9), (-5.9, -19), (5.9, -19), (6.5, -9)), red)
    c.drawPath(at((-5.5, -27), (-4.9, -36), (4.9, -36), (5.5, -27)), red)
    c.drawPath(at((-6.4, -42), (6.4, -42), (6.4, -44), (-6.4, -44)), fill(air.tone(INK)))
    c.drawPath(at((-3.6, -44), (3.6, -44), (3.6, -52), (-3.6, -52)), fill(air.glow((255, 232, 140))))
    sheet(c, at((-5, -52), (0, -58), (5, -52)), air.tone((206, 58, 48)))
    if air.light != "day":
        draw_glow(c, x, base - 48 * s, 20 * s, 0.8)


def boat(c: skia.Canvas, air: Air, x: float, y: float, s: float, hull: RGB, sail: bool) -> None:
    if sail:
        sheet(c, poly((x, y - 26 * s), (x, y - 3 * s), (x + 13 * s, y - 4 * s)), air.tone((248, 240, 224)))
        sheet(
            c,
            poly((x - 1.5 * s, y - 22 * s), (x - 1.5 * s, y - 4 * s), (x - 10 * s, y - 4 * s)),
            air.tone((236, 150, 90)),
        )
    sheet(
        c,
        curve(
            (x - 16 * s, y - 3 * s),
            (x - 12 * s, y + 6 * s, x + 12 * s, y + 6 * s, x + 17 * s, y - 4 * s),
            (x + 8 * s, y - 2 * s, x - 8 * s, y - 2 * s, x - 16 * s, y - 3 * s),
        ),
        air.tone(hull),
    )


def pine(c: skia.Canvas, air: Air, x: float, base: float, h: float, colour: RGB) -> None:
    c.drawRect(skia.Rect.MakeLTRB(x - 1.6, base - h * 0.2, x + 1.6, base + 4), fill(air.tone((96, 66, 48))))
    for k, width in ((0, 0.30), (1, 0.24), (2, 0.17)):
        y = base - h * (0.12 + 0.26 * k)
        sheet(c, poly((x - h * width, y), (x, y - h * 0.40), (x + h * width, y)), air.tone(colour, 0.45))


def tree(c: skia.Canvas, air: Air, x: float, base: float, h: float, colour: RGB) -> None:
    sheet(
        c,
        poly(
            (x - h * 0.05, base),
            (x - h * 0.03, base - h * 0.6),
            (x + h * 0.03, base - h * 0.6),
            (x + h * 0.05, base),
        ),
        air.tone((110, 76, 54)),
    )
    sheet(c, oval(x, base - h * 0.72, h * 0.26, h * 0.29), air.tone(colour, 0.45))


def lamp(c: skia.Canvas, x: float, y: float) -> None:
    """A hanging lamp that always burns."""
    c.drawLine(x, TOP, x, y - 6, stroke(INK, 1.0))
    sheet(c, poly((x - 9, y), (x - 4, y - 8), (x + 4, y - 8), (x + 9, y)), (214, 96, 60))
    c.drawCircle(x, y + 1, 3.2, fill((255, 236, 160)))
    draw_glow(c, x, y + 2, 44, 0.55)


def foreground_grass(air: Air, colour: RGB) -> Draw:
    def draw(c: skia.Canvas) -> None:
        for x0 in (-62, -8, 150, 206):
            blades = [(x0 - 14, 112)]
            for k in range(5):
                blades += [(x0 - 12 + k * 6, 98 - 9 * (k % 2)), (x0 - 9 + k * 6, 104)]
            blades += [(x0 + 20, 112)]
            sheet(c, poly(*blades), air.tone(colour, 0.3))

    return draw


def framed(draw: Callable[[skia.Canvas, Air], None], air: Air) -> Draw:
    """Bind the light to a drawing function."""
    return lambda c: draw(c, air)


__all__ = [
    "CREAM",
    "GROUND",
    "Draw",
    "Layer",
    "boat",
    "flat",
    "foreground_grass",
    "framed",
    "hills",
    "house",
    "lamp",
    "lighter",
    "lighthouse",
    "pine",
    "sheet",
    "sky",
    "tree",
    "waves",
]
