"""A training on one page: loss, held-out loss and learning rate as a plot, and the pictures drawn by the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from filmforge.editing.text import clean, font, wrapped
from filmforge.lora.curve import Curve

_PAPER, _INK, _QUIET, _GRID = "#ffffff", "#23242a", "#77787f", "#e4e4e4"
_DOTS, _TRAINED, _HELD_OUT, _KEPT, _RATE = "#bcd0e6", "#2f6fb0", "#d1661c", "#2c8a4b", "#7a5aa6"
_WIDTH, _MARGIN, _LEFT = 1200, 36, 90
_LOSS, _RATES, _GAP = 320, 90, 40
_SMOOTH = 2
"""Plots are drawn this many times larger and scaled down, which smooths every line."""
_WINDOW = 25
"""Into how many parts of a training its loss is averaged."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Column:
    """Pictures of one moment, one for each prompt, under a title; None where there is none."""

    title: str
    pictures: Sequence[Image.Image | None]


def draw_page(
    title: str, curves: Mapping[str, Curve], prompts: Sequence[str] = (), columns: Sequence[Column] = ()
) -> Image.Image:
    """The page of a training, RGB: `curves` by expert; `columns` of pictures, a row for each of `prompts`."""
    parts = [_head(title)]
    for expert, curve in curves.items():
        parts.append(_words(f"{expert}: {curve.reason}" if len(curves) > 1 else _capital(curve.reason)))
        parts.append(_plots(curve))
    if columns:
        parts += _strips(prompts, columns)
    page = Image.new("RGB", (_WIDTH, sum(part.height for part in parts) + 2 * _MARGIN), _PAPER)
    top = _MARGIN
    for part in parts:
        page.paste(part, (0, top))
        top += part.height
    return page


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _head(title: str) -> Image.Image:
    image = Image.new("RGB", (_WIDTH, 48), _PAPER)
    ImageDraw.Draw(image).text((_MARGIN, 0), clean(title), fill=_INK, font=font("sans", 30))
    return image


def _words(text: str) -> Image.Image:
    face = font("sans", 16)
    lines = wrapped(clean(text), face, _WIDTH - 2 * _MARGIN)
    image = Image.new("RGB", (_WIDTH, 24 * len(lines) + 8), _PAPER)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((_MARGIN, 24 * number), line, fill=_QUIET, font=face)
    return image


@dataclass(frozen=True, slots=True)
class _Panel:
    """An area of the plot, in pixels, with what its corners mean in steps and values."""

    draw: ImageDraw.ImageDraw
    top: int
    height: int
    steps: int
    low: float
    high: float

    def at(self, point: Point) -> Point:
        """Where a step and a value are."""
        width = (_WIDTH - _LEFT - _MARGIN) * _SMOOTH
        share = (point[1] - self.low) / ((self.high - self.low) or 1.0)
        down = 1 - max(0.0, min(1.0, share))
        return _LEFT * _SMOOTH + width * point[0] / self.steps, self.top + self.height * down

    def line(self, points: Sequence[Point], colour: str, width: int = 2) -> None:
        if len(points) > 1:
            placed = [self.at(point) for point in points]
            self.draw.line(placed, fill=colour, width=width * _SMOOTH, joint="curve")

    def dots(self, points: Sequence[Point], colour: str, size: float) -> None:
        for point in points:
            x, y = self.at(point)
            r = size * _SMOOTH
            self.draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def grid(self, name: str, said: Callable[[float], str], *, steps: bool) -> None:
        """Lines and numbers for values and, under it, for steps."""
        face = font("sans", 14 * _SMOOTH)
        left, right = self.at((0, 0))[0], self.at((self.steps, 0))[0]
        for value in ticks(self.low, self.high, 5 if self.height > 200 * _SMOOTH else 2):
            y = self.at((0, value))[1]
            self.draw.line((left, y, right, y), fill=_GRID, width=_SMOOTH)
            self.draw.text((left - 8 * _SMOOTH, y), said(value), fill=_QUIET, font=face, anchor="rm")
        bottom = self.top + self.height
        self.draw.line((left, bottom, right, bottom), fill=_QUIET, width=_SMOOTH)
        for value in ticks(0, self.steps, 8) if steps else ():
            x = self.at((value, 0))[0]
            words = f"{value:.0f}" + (" steps" if value == 0 else "")
            self.draw.text((x, bottom + 6 * _SMOOTH), words, fill=_QUIET, font=face, anchor="ma")
        self.draw.text((left, self.top - 6 * _SMOOTH), name, fill=_INK, font=face, anchor="ls")


def _plots(curve: Curve) -> Image.Image:
    size = (_WIDTH * _SMOOTH, (_LOSS + _RATES + 2 * _GAP + 48) * _SMOOTH)
    image = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(image)
    raw = [(step + 1.0, loss) for step, loss in enumerate(curve.losses)]
    trained = averaged(raw, max(1, curve.steps // _WINDOW))
    held_out = [(float(m.step), m.mean) for m in curve.measured]
    low, high = _range(sorted(loss for _, loss in raw), [value for _, value in (*trained, *held_out)])
    panel = _Panel(draw, _GAP * _SMOOTH, _LOSS * _SMOOTH, curve.steps, low, high)
    panel.grid("loss", lambda value: f"{value:.3g}", steps=False)
    panel.dots(raw, _DOTS, 1.5)
    panel.line(trained, _TRAINED)
    panel.line(held_out, _HELD_OUT)
    panel.dots(held_out, _HELD_OUT, 3.5)
    if curve.losses:
        _mark_kept(panel, curve)
    _legend(draw, with_held_out=bool(held_out))
    rates = [(step + 1.0, rate) for step, rate in enumerate(curve.rates)]
    top = (_GAP + _LOSS + _GAP) * _SMOOTH
    panel = _Panel(draw, top, _RATES * _SMOOTH, curve.steps, 0.0, 1.05 * max(curve.rates, default=1.0))
    panel.grid("learning rate", lambda value: f"{value:.2g}", steps=True)
    panel.line(rates, _RATE)
    return image.reduce(_SMOOTH)


def _mark_kept(panel: _Panel, curve: Curve) -> None:
    """A line at the step whose weights are kept, as things stand."""
    x = panel.at((curve.kept, 0))[0]
    panel.draw.line((x, panel.top, x, panel.top + panel.height), fill=_KEPT, width=2 * _SMOOTH)
    right = curve.kept > curve.steps * 0.85
    place = (x + (-6 if right else 6) * _SMOOTH, panel.top + 4 * _SMOOTH)
    face = font("sans", 14 * _SMOOTH)
    panel.draw.text(place, f"kept: {curve.kept}", fill=_KEPT, font=face, anchor="ra" if right else "la")


def _legend(draw: ImageDraw.ImageDraw, *, with_held_out: bool) -> None:
    face, x = font("sans", 14 * _SMOOTH), (_WIDTH - _MARGIN) * _SMOOTH
    entries = [("training, averaged", _TRAINED), ("training, each step", _DOTS)]
    entries = [*([("held-out photos", _HELD_OUT)] if with_held_out else []), *entries]
    for words, colour in reversed(entries):
        draw.text((x, (_GAP - 6) * _SMOOTH), words, fill=_QUIET, font=face, anchor="rs")
        x -= int(face.getlength(words)) + 22 * _SMOOTH
        y = (_GAP - 14) * _SMOOTH
        draw.rectangle((x, y, x + 14 * _SMOOTH, y + 6 * _SMOOTH), fill=colour)
        x -= 20 * _SMOOTH


def averaged(points: Sequence[Point], window: int) -> list[Point]:
    """The mean of every point and those up to `window` before it."""
    found, total = [], 0.0
    for number, (step, value) in enumerate(points):
        total += value - (points[number - window][1] if number >= window else 0.0)
        found.append((step, total / min(number + 1, window)))
    return found


def ticks(low: float, high: float, count: int) -> list[float]:
    """At most about `count` round numbers from `low` to `high`."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _range(raw: Sequence[float], lines: Sequence[float]) -> tuple[float, float]:
    """What the plot of the loss spans: all lines, and most single steps."""
    if not lines:
        return 0.0, 1.0
    most = raw[int(0.02 * len(raw)) : max(1, math.ceil(0.98 * len(raw)))]
    low, high = min((*lines, *most)), max((*lines, *most))
    room = 0.05 * ((high - low) or 1.0)
    return max(0.0, low - room), high + room


def _strips(prompts: Sequence[str], columns: Sequence[Column]) -> list[Image.Image]:
    """The pictures: a row of them for each prompt, under its words."""
    gap = 12
    width = min(320, (_WIDTH - 2 * _MARGIN + gap) // len(columns) - gap)
    face = font("sans", 14)
    parts = []
    for row, prompt in enumerate(prompts):
        shown = [column.pictures[row] if row < len(column.pictures) else None for column in columns]
        sizes = [image.height * width // image.width for image in shown if image is not None]
        strip = Image.new("RGB", (_WIDTH, max(sizes, default=0) + 32), _PAPER)
        for number, (column, image) in enumerate(zip(columns, shown, strict=True)):
            if image is not None:
                left = _MARGIN + number * (width + gap)
                small = image.resize((width, image.height * width // image.width), Image.Resampling.LANCZOS)
                ImageDraw.Draw(strip).text((left, 0), column.title, fill=_INK, font=face)
                strip.paste(small, (left, 22))
        parts += [_words(f"“{prompt}”"), strip]
    return parts
