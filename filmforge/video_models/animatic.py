"""Draws storyboard cards: what stands for a shot before any model has rendered it.

A sheet of paper with a sketched frame in the film's own shape, the shot's name and its prompt. The sketch
follows the prompt's words where they say something that can be drawn (close or wide, how the camera moves,
night, sea), and chance, seeded by shot, prompt and seed, for the rest. Equal arguments give equal pixels.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import random
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_PAPER = (244, 239, 228)
_INK = (48, 46, 52)
_PENCIL = (118, 112, 108)
_WASH = (222, 214, 199)
_DUSK = (196, 190, 186)
_ACCENT = (186, 74, 48)
_SMOOTH = 2
"""Cards are drawn this many times larger and scaled down, which smooths every edge."""

_CLOSE = ("close", "face", "portrait", "eyes", "detail")
_WIDE = ("wide", "far", "landscape", "distance", "aerial", "establishing")
_NIGHT = ("night", "dusk", "storm", "dark", "evening", "moon")
_WATER = ("sea", "ocean", "lake", "river", "water", "boat", "harbour", "harbor", "beach")
_NOBODY = ("empty", "nobody", "no one")

Move = Literal["left", "right", "up", "down", "in", "out"]
_MOVES: tuple[tuple[str, Move], ...] = (
    ("pan left", "left"),
    ("pan right", "right"),
    ("tilt up", "up"),
    ("crane up", "up"),
    ("tilt down", "down"),
    ("crane down", "down"),
    ("push in", "in"),
    ("dolly in", "in"),
    ("zoom in", "in"),
    ("pull out", "out"),
    ("dolly out", "out"),
    ("zoom out", "out"),
)


def draw_card(prompt: str, shot: str, size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """The card of `shot` (such as `arrival/wide`): RGB [height, width, 3] of `size` (width, height)."""
    width, height = (side * _SMOOTH for side in size)
    chance = random.Random(hashlib.sha256(f"{seed}\0{shot}\0{prompt}".encode()).digest())
    sheet = Image.new("RGB", (width, height), _PAPER)
    margin = round(min(width, height) * 0.045)
    caption = round(height * 0.24)
    frame_height = height - caption - 2 * margin
    frame_width = min(width - 2 * margin, round(frame_height * width / height))
    left = (width - frame_width) // 2
    picture = _Sketch((frame_width, frame_height), chance).of(prompt.lower())
    sheet.paste(picture, (left, margin))
    _border(sheet, (left, margin, left + frame_width, margin + frame_height), chance)
    _caption(
        sheet, (left, margin + frame_height + margin // 2, left + frame_width, height - margin), shot, prompt
    )
    small = sheet.resize(size, Image.Resampling.BOX)
    return np.array(small, dtype=np.uint8)


class _Sketch:
    """A drawing in pencil and wash, of one picture's size."""

    def __init__(self, size: tuple[int, int], chance: random.Random) -> None:
        self.width, self.height = size
        self.chance = chance
        self.image = Image.new("RGB", size, _PAPER)
        self.draw = ImageDraw.Draw(self.image)
        self.pen = max(2, round(self.height / 150))

    def of(self, prompt: str) -> Image.Image:
        """The sketch of a prompt in lower case."""
        night = any(word in prompt for word in _NIGHT)
        close = any(word in prompt for word in _CLOSE)
        wide = not close and any(word in prompt for word in _WIDE)
        self.draw.rectangle((0, 0, self.width, self.height), fill=_DUSK if night else _PAPER)
        horizon = self.height * self.chance.uniform(0.5, 0.68)
        self._light(horizon)
        self._ground(horizon, water=any(word in prompt for word in _WATER))
        if not any(word in prompt for word in _NOBODY):
            tall = self.height * (2.3 if close else 0.22 if wide else 0.52)
            at = self.width * self.chance.choice((0.33, 0.4, 0.6, 0.67))
            stands = max(horizon + tall * 0.35, self.height * 0.86)
            self._figure(at, self.height * 0.1 + tall if close else stands, tall)
        move = next((direction for words, direction in _MOVES if words in prompt), None)
        if move:
            self._arrow(move)
        return self.image

    def _light(self, horizon: float) -> None:
        radius = self.height * self.chance.uniform(0.05, 0.09)
        x, y = self.width * self.chance.uniform(0.12, 0.88), horizon * self.chance.uniform(0.2, 0.55)
        self._line(
            [
                (x + radius * math.cos(a / 20 * math.tau), y + radius * math.sin(a / 20 * math.tau))
                for a in range(21)
            ]
        )

    def _ground(self, horizon: float, *, water: bool) -> None:
        ridge = [self.height * self.chance.uniform(0.02, 0.16) for _ in range(7)]
        hills = [(self.width * i / 6, horizon - rise) for i, rise in enumerate(ridge)]
        self.draw.polygon([*_curve(hills), (self.width, self.height), (0, self.height)], fill=_WASH)
        self._line(_curve(hills))
        self.draw.rectangle((0, horizon, self.width, self.height), fill=_PAPER)
        self._line([(0, horizon), (self.width, horizon)])
        for row in range(1, 7):
            y = horizon + (self.height - horizon) * (row / 7) ** 1.6
            for _ in range(3 if water else 1):
                x, long = self.width * self.chance.random(), self.width * self.chance.uniform(0.06, 0.2)
                wave = self.height * 0.008 if water else 0.0
                points = [(x + long * i / 8, y + wave * math.sin(i * 1.6)) for i in range(9)]
                self._line(points, thin=True)

    def _figure(self, x: float, foot: float, tall: float) -> None:
        head = tall * 0.11
        top = foot - tall
        shoulder, hip = top + tall * 0.27, top + tall * 0.6
        lean = tall * self.chance.uniform(-0.04, 0.04)
        body = [
            (x - tall * 0.13, shoulder),
            (x + tall * 0.13, shoulder),
            (x + tall * 0.17 + lean, hip),
            (x - tall * 0.17 + lean, hip),
        ]
        self.draw.polygon(body, fill=_WASH)
        self._line([*body, body[0]])
        self.draw.ellipse((x - head, top, x + head, top + 2.2 * head), fill=_PAPER)
        circle = [
            (x + head * math.cos(a / 16 * math.tau), top + 1.1 * head * (1 + math.sin(a / 16 * math.tau)))
            for a in range(17)
        ]
        self._line(circle)
        for side in (-1, 1):
            self._line([(x + side * tall * 0.07 + lean, hip), (x + side * tall * 0.1 + lean, foot)])
            hand = (
                x + side * tall * self.chance.uniform(0.18, 0.3),
                shoulder + tall * self.chance.uniform(0.05, 0.3),
            )
            self._line([(x + side * tall * 0.13, shoulder), hand])

    def _arrow(self, move: Move) -> None:
        """How the camera moves, as storyboards mark it: an arrow, or arrows into or out of the corners."""
        w, h, reach = self.width, self.height, self.height * 0.14
        if move in ("in", "out"):
            for x, y in ((0.0, 0.0), (w, 0.0), (0.0, h), (w, h)):
                dx, dy = (reach if x == 0 else -reach), (reach if y == 0 else -reach)
                near, far = (x + dx * 0.35, y + dy * 0.35), (x + dx * 1.3, y + dy * 1.3)
                self._head(near, far) if move == "in" else self._head(far, near)
            return
        ends = {
            "left": ((w * 0.62, h * 0.1), (w * 0.38, h * 0.1)),
            "right": ((w * 0.38, h * 0.1), (w * 0.62, h * 0.1)),
            "up": ((w * 0.93, h * 0.62), (w * 0.93, h * 0.38)),
            "down": ((w * 0.93, h * 0.38), (w * 0.93, h * 0.62)),
        }
        self._head(*ends[move])

    def _head(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        angle = math.atan2(end[1] - start[1], end[0] - start[0])
        barb = self.height * 0.035
        self.draw.line([start, end], fill=_ACCENT, width=self.pen * 2)
        for turn in (2.6, -2.6):
            tip = (end[0] + barb * math.cos(angle + turn), end[1] + barb * math.sin(angle + turn))
            self.draw.line([end, tip], fill=_ACCENT, width=self.pen * 2)

    def _line(self, points: list[tuple[float, float]], *, thin: bool = False) -> None:
        """A pencil line: gone over twice, by an unsteady hand."""
        shake = self.height * 0.0025
        for _ in range(1 if thin else 2):
            shaken = [
                (x + self.chance.uniform(-shake, shake), y + self.chance.uniform(-shake, shake))
                for x, y in points
            ]
            self.draw.line(shaken, fill=_PENCIL if thin else _INK, width=self.pen, joint="curve")


def _curve(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A smooth line through points from left to right."""
    xs, ys = zip(*points, strict=True)
    smooth = []
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        smooth += [
            (x0 + (x1 - x0) * t, y0 + (y1 - y0) * (1 - math.cos(math.pi * t)) / 2)
            for t in (0, 0.25, 0.5, 0.75)
        ]
    return [*smooth, (xs[-1], ys[-1])]


def _border(sheet: Image.Image, box: tuple[int, int, int, int], chance: random.Random) -> None:
    draw = ImageDraw.Draw(sheet)
    pen = max(2, round(sheet.height / 160))
    left, top, right, bottom = box
    over = pen * 3
    for start, end in (
        ((left - over, top), (right + over, top)),
        ((left - over, bottom), (right + over, bottom)),
        ((left, top - over), (left, bottom + over)),
        ((right, top - over), (right, bottom + over)),
    ):
        shake = chance.uniform(-pen / 2, pen / 2)
        draw.line([(start[0], start[1] + shake), (end[0], end[1] - shake)], fill=_INK, width=pen)


def _caption(sheet: Image.Image, box: tuple[int, int, int, int], shot: str, prompt: str) -> None:
    """The shot's name, and below it as much of the prompt as fits, at a size that tries to fit it all."""
    draw = ImageDraw.Draw(sheet)
    left, top, right, bottom = box
    high = bottom - top
    name = _font(max(8, round(high * 0.24)))
    draw.text((left, top), _printable(shot), font=name, fill=_ACCENT)
    below = top + round(high * 0.34)
    for share in (0.2, 0.17, 0.14, 0.12):
        face = _font(max(8, round(high * share)))
        line = round(high * share * 1.25)
        fits = max(1, (bottom - below) // line)
        lines = _wrapped(draw, _printable(prompt), face, right - left)
        if len(lines) <= fits:
            break
    if len(lines) > fits:
        lines = [*lines[: fits - 1], lines[fits - 1].rstrip(" ,.;") + " …"]
    for row, text in enumerate(lines):
        draw.text((left, below + row * line), text, font=face, fill=_INK)


def _wrapped(draw: ImageDraw.ImageDraw, text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font=face) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _printable(text: str) -> str:
    """One paragraph without control signs; what the font lacks is drawn as a box."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _font(size: int) -> ImageFont.FreeTypeFont:
    with resources.as_file(resources.files("filmforge") / "fonts" / "Lato-Medium.ttf") as path:
        return ImageFont.truetype(str(path), size)
