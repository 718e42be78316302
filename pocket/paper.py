"""Cut paper: outlines, plain fills, a pen, soft shadows, and sheets laid on one another with a cream rim."""

from __future__ import annotations

from dataclasses import dataclass, field

import skia

from pocket.palette import CREAM, INK, RGB, argb


@dataclass
class Sheets:
    """Paper parts of one group, in order; rims are laid below all of them."""

    parts: list[tuple[skia.Path, RGB]] = field(default_factory=list)

    def add(self, path: skia.Path, colour: RGB) -> skia.Path:
        self.parts.append((path, colour))
        return path

    def lay(self, canvas: skia.Canvas, rim: float = 1.5) -> None:
        edge = skia.Paint(
            AntiAlias=True,
            Style=skia.Paint.kStroke_Style,
            StrokeWidth=rim,
            StrokeJoin=skia.Paint.kRound_Join,
            Color=argb(CREAM),
        )
        for path, _ in self.parts:
            canvas.drawPath(path, edge)
        for path, colour in self.parts:
            canvas.drawPath(path, fill(colour))


def fill(colour: RGB, alpha: float = 1.0) -> skia.Paint:
    """Plain antialiased paper."""
    return skia.Paint(AntiAlias=True, Color=argb(colour, alpha))


def stroke(colour: RGB, width: float) -> skia.Paint:
    """A round pen."""
    return skia.Paint(
        AntiAlias=True,
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=width,
        StrokeCap=skia.Paint.kRound_Cap,
        StrokeJoin=skia.Paint.kRound_Join,
        Color=argb(colour),
    )


def oval(cx: float, cy: float, rx: float, ry: float) -> skia.Path:
    return skia.Path().addOval(skia.Rect.MakeLTRB(cx - rx, cy - ry, cx + rx, cy + ry))


def poly(*points: tuple[float, float], closed: bool = True) -> skia.Path:
    path = skia.Path()
    path.addPoly([skia.Point(*p) for p in points], closed)
    return path


def rrect(left: float, top: float, right: float, bottom: float, r: float) -> skia.Path:
    path = skia.Path()
    path.addRoundRect(skia.Rect.MakeLTRB(left, top, right, bottom), r, r)
    return path


def curve(start: tuple[float, float], *cubics: tuple[float, ...]) -> skia.Path:
    """A closed path of cubic Béziers, six numbers each."""
    path = skia.Path()
    path.moveTo(*start)
    for cubic in cubics:
        path.cubicTo(*cubic)
    path.close()
    return path


def shadow(depth: float = 1.0) -> skia.Paint:
    """A layer paint: what is drawn into it casts a soft shadow. ``depth`` in local units."""
    return skia.Paint(
        ImageFilter=skia.ImageFilters.DropShadow(
            0.7 * depth, 1.0 * depth, 0.9 * depth, 0.9 * depth, argb(INK, 0.42)
        )
    )
