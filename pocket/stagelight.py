"""Times of day and weather: what they do to paper colours, the sky and the air."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import skia

from pocket.palette import CREAM, RGB, argb, mix

LIGHTS = ("day", "dusk", "night")
WEATHERS = ("clear", "rain", "snow", "fog")

_TINT = {"day": (1.0, 1.0, 1.0), "dusk": (1.0, 0.76, 0.72), "night": (0.36, 0.44, 0.72)}
_PUPPET_TINT = {"day": (1.0, 1.0, 1.0), "dusk": (1.0, 0.90, 0.86), "night": (0.78, 0.81, 0.95)}
_LAMPLIT = {"day": (1.0, 1.0, 1.0), "dusk": (1.0, 0.94, 0.88), "night": (0.95, 0.86, 0.76)}
_SKY: dict[str, tuple[RGB, RGB]] = {
    "day": ((116, 190, 226), (238, 240, 220)),
    "dusk": ((112, 78, 146), (252, 166, 104)),
    "night": ((16, 24, 62), (52, 70, 128)),
}
_GREY_SKY: dict[str, tuple[RGB, RGB]] = {
    "day": ((120, 142, 160), (206, 214, 212)),
    "dusk": ((88, 72, 112), (204, 138, 118)),
    "night": ((20, 26, 50), (48, 58, 90)),
}


@dataclass(frozen=True)
class Air:
    """Light and weather of one shot."""

    light: str = "day"
    weather: str = "clear"

    def tone(self, colour: RGB, white: float = 0.0) -> RGB:
        """A scenery colour under this light; ``white`` is how much snow lies on it."""
        if self.weather == "snow" and white:
            colour = mix(colour, (246, 248, 252), white)
        r, g, b = (int(c * t) for c, t in zip(colour, _TINT[self.light], strict=True))
        toned: RGB = (r, g, b)
        if self.weather == "rain":
            toned = mix(toned, self.sky()[0], 0.16)
        return toned

    def sky(self) -> tuple[RGB, RGB]:
        """Top and horizon colour."""
        return (_SKY if self.weather == "clear" else _GREY_SKY)[self.light]

    def lamplit(self, colour: RGB) -> RGB:
        """A colour indoors: the lamp keeps most of it, and warms the evening."""
        warm = mix(self.tone(colour), colour, 0.68)
        return warm if self.light == "day" else mix(warm, (150, 84, 40), 0.14)

    def glow(self, colour: RGB) -> RGB:
        """A window or lamp: lit at dusk and night, dark glass by day."""
        return colour if self.light != "day" else mix(colour, (96, 120, 140), 0.75)

    def puppet_filter(self, indoors: bool) -> skia.ColorFilter | None:
        """Puppets take less of the tint than the scenery, so they stay readable."""
        if self.light == "day":
            return None
        r, g, b = (_LAMPLIT if indoors else _PUPPET_TINT)[self.light]
        return skia.ColorFilters.Matrix([r, 0, 0, 0, 0, 0, g, 0, 0, 0, 0, 0, b, 0, 0, 0, 0, 0, 1, 0])


def draw_fog(canvas: skia.Canvas, air: Air, strength: float, shift: float) -> None:
    """A sheet of tracing paper between two layers of scenery."""
    if air.weather != "fog":
        return
    colour = mix(air.sky()[1], CREAM if air.light == "day" else air.sky()[1], 0.3)
    paint = skia.Paint(AntiAlias=True)
    paint.setShader(
        skia.GradientShader.MakeLinear(
            [skia.Point(0, 10), skia.Point(0, 84)],
            [argb(colour, 0.25 * strength), argb(colour, 0.9 * strength)],
        )
    )
    path = skia.Path()
    path.moveTo(-120, 160)
    path.lineTo(-120, 40)
    for i in range(15):
        x = -120 + i * 26 + shift
        path.quadTo(x + 13, 24 + 7 * (i % 3), x + 26, 38 + 4 * ((i * 7) % 3))
    path.lineTo(290, 160)
    path.close()
    canvas.drawPath(path, paint)


def draw_weather(canvas: skia.Canvas, air: Air, seconds: float, seed: int) -> None:
    """Rain or snow in front of everything, as paper strips on strings; frame coordinates."""
    if air.weather not in ("rain", "snow"):
        return
    rng = np.random.default_rng(seed)
    n = 26 if air.weather == "rain" else 34
    xs, ys, size = rng.random(n) * 190 - 15, rng.random(n) * 120, 0.7 + 0.6 * rng.random(n)
    if air.weather == "rain":
        bright = 0.55 if air.light == "night" else 0.75
        pen = skia.Paint(
            AntiAlias=True,
            StrokeWidth=1.3,
            StrokeCap=skia.Paint.kRound_Cap,
            Style=skia.Paint.kStroke_Style,
            Color=argb((214, 232, 244), bright),
        )
        for x, y, s in zip(xs, ys, size, strict=True):
            yy = (y + seconds * 96 * s) % 120 - 12
            xx = x - seconds * 6
            xx = (xx + 15) % 190 - 15
            canvas.drawLine(xx, yy, xx - 1.6, yy + 8 * s, pen)
        return
    paint = skia.Paint(AntiAlias=True, Color=argb((255, 255, 255), 0.95))
    for i, (x, y, s) in enumerate(zip(xs, ys, size, strict=True)):
        yy = (y + seconds * 18 * s) % 120 - 12
        xx = x + 3 * math.sin(seconds * 1.6 + i)
        canvas.drawCircle(xx, yy, 1.5 * s, paint)


def draw_footlights(canvas: skia.Canvas, air: Air, width: float, height: float) -> None:
    """The stage's warm pool of light: bright in the middle, calm corners. Frame coordinates."""
    warm = {"day": 0.10, "dusk": 0.16, "night": 0.13}[air.light]
    edge = {"day": 0.20, "dusk": 0.30, "night": 0.38}[air.light]
    paint = skia.Paint(BlendMode=skia.BlendMode.kSoftLight)
    paint.setShader(
        skia.GradientShader.MakeRadial(
            skia.Point(width * 0.5, height * 0.52),
            width * 0.62,
            [argb((255, 214, 150), warm * 2), argb((255, 214, 150), 0.0), argb((20, 12, 30), edge)],
            [0.0, 0.55, 1.0],
        )
    )
    canvas.drawRect(skia.Rect.MakeWH(width, height), paint)


def draw_glow(canvas: skia.Canvas, x: float, y: float, radius: float, strength: float) -> None:
    """Warm light around a lantern or lamp, added onto what lies below."""
    paint = skia.Paint(BlendMode=skia.BlendMode.kScreen)
    paint.setShader(
        skia.GradientShader.MakeRadial(
            skia.Point(x, y),
            radius,
            [argb((255, 206, 110), strength), argb((255, 170, 60), strength * 0.4), argb((0, 0, 0), 0)],
            [0.0, 0.4, 1.0],
        )
    )
    canvas.drawCircle(x, y, radius, paint)
