"""Patterns printed on paper: those of the training world and those kept for unseen characters."""

from __future__ import annotations

import math

import skia

from pocket.palette import RGB, argb

TRAINING_PATTERNS = ("stripes", "bars", "spots", "checks", "patches", "halves", "slant", "band")
UNSEEN_PATTERNS = ("zigzag", "diamonds", "rings", "hearts", "stars", "cross", "waves")


def _star(x: float, y: float, r: float) -> skia.Path:
    path = skia.Path()
    for i in range(10):
        a = math.pi * i / 5 - math.pi / 2
        q = r if i % 2 == 0 else r * 0.45
        (path.moveTo if i == 0 else path.lineTo)(x + q * math.cos(a), y + q * math.sin(a))
    path.close()
    return path


def _heart(x: float, y: float, r: float) -> skia.Path:
    path = skia.Path()
    path.moveTo(x, y + r)
    path.cubicTo(x - 1.8 * r, y - 0.2 * r, x - r, y - 1.4 * r, x, y - 0.4 * r)
    path.cubicTo(x + r, y - 1.4 * r, x + 1.8 * r, y - 0.2 * r, x, y + r)
    path.close()
    return path


def paint_pattern(
    canvas: skia.Canvas,
    clip: skia.Path,
    name: str,
    colour: RGB,
    centre: tuple[float, float],
    size: float = 1.0,
) -> None:
    """Print ``name`` in ``colour`` on the sheet ``clip``; bold enough to survive 160x96."""
    cx, cy = centre
    paint = skia.Paint(AntiAlias=True, Color=argb(colour))
    pen = skia.Paint(
        AntiAlias=True, Color=argb(colour), Style=skia.Paint.kStroke_Style, StrokeWidth=3.2 * size
    )
    canvas.save()
    canvas.clipPath(clip, doAntiAlias=True)
    canvas.translate(cx, cy)
    canvas.scale(size, size)
    if name in ("stripes", "rungs"):
        step = 8.0 if name == "stripes" else 6.0
        for i in range(-4, 5):
            canvas.drawRect(skia.Rect.MakeXYWH(-30, i * step, 60, step / 2), paint)
    elif name == "bars":
        for i in range(-4, 5):
            canvas.drawRect(skia.Rect.MakeXYWH(i * 8.0 - 2, -40, 4, 80), paint)
    elif name == "spots":
        for i in range(-3, 4):
            for j in range(-3, 4):
                canvas.drawCircle(i * 9 + (j % 2) * 4.5, j * 8, 2.7, paint)
    elif name == "checks":
        for i in range(-4, 4):
            for j in range(-4, 4):
                if (i + j) % 2 == 0:
                    canvas.drawRect(skia.Rect.MakeXYWH(i * 7.0, j * 7.0, 7, 7), paint)
    elif name == "patches":
        for x, y, r in ((-8, -6, 6), (7, 3, 7), (-6, 11, 5), (6, -13, 4.5)):
            canvas.drawCircle(x, y, r, paint)
    elif name == "halves":
        canvas.drawRect(skia.Rect.MakeXYWH(0, -40, 40, 80), paint)
    elif name == "slant":
        canvas.rotate(40)
        for i in range(-4, 5):
            canvas.drawRect(skia.Rect.MakeXYWH(-40, i * 9.0, 80, 4.5), paint)
    elif name == "band":
        canvas.drawRect(skia.Rect.MakeXYWH(-40, 0, 80, 9), paint)
    elif name in ("zigzag", "waves"):
        for row in (-14, -3, 8):
            path = skia.Path()
            path.moveTo(-24, row)
            for k in range(8):
                x = -24 + 6 * k
                if name == "zigzag":
                    path.lineTo(x + 3, row + 6)
                    path.lineTo(x + 6, row)
                else:
                    path.quadTo(x + 1.5, row + 6, x + 3, row + 2)
                    path.quadTo(x + 4.5, row - 2, x + 6, row)
            canvas.drawPath(path, pen)
    elif name == "diamonds":
        for i in range(-2, 3):
            for j in range(-2, 3):
                canvas.save()
                canvas.translate(i * 11 + (j % 2) * 5.5, j * 9)
                canvas.rotate(45)
                canvas.drawRect(skia.Rect.MakeXYWH(-3, -3, 6, 6), paint)
                canvas.restore()
    elif name == "rings":
        for r in (3.5, 10.0, 16.5):
            canvas.drawCircle(0, 0, r, pen)
    elif name == "hearts":
        canvas.drawPath(_heart(1.5, 2, 7.5), paint)
    elif name == "stars":
        canvas.drawPath(_star(1.5, 1, 10), paint)
    elif name == "cross":
        canvas.drawRect(skia.Rect.MakeXYWH(-2.5, -40, 6, 80), paint)
        canvas.drawRect(skia.Rect.MakeXYWH(-40, -2, 80, 6), paint)
    canvas.restore()
