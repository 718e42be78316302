"""Lays out rolling credits and draws what of them is on screen, to a fraction of a pixel."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from filmforge.editing import text as typography
from filmforge.editing.codecs import Size

Kind = Literal["heading", "name", "role"]

# Drawn this many times larger and reduced as it is shown, letters move by fractions of a pixel without
# shimmering.
_FINE = 2

_LEADING = 1.35
_PAGES = 3


@dataclass(frozen=True, slots=True)
class _Word:
    """A piece of text: where its anchor lies, in pixels of the film, and how it is set."""

    text: str
    kind: Kind
    x: float
    y: float
    anchor: str


class Roll:
    """Credits for a film of `size`. `height` is how tall all of them are, in the film's pixels.

    Only the pages near the window are kept drawn, so memory does not grow with the number of names.
    """

    def __init__(self, text: str, text_size: int, size: Size) -> None:
        self._size = size
        self._pixels: dict[Kind, int] = {
            "name": text_size,
            "role": max(4, round(text_size * 0.8)),
            "heading": max(5, round(text_size * 1.35)),
        }
        self._words: list[_Word] = []
        self.height = self._lay_out(text)
        self._pages: OrderedDict[int, Image.Image] = OrderedDict()

    def window(self, top: float) -> NDArray[np.uint8]:
        """What is on screen, height x width, when `top` (negative too, or fractional) is its upper edge."""
        width, height = self._size
        first = math.floor(top / height)
        upper = (top - first * height) * _FINE
        sheet = Image.new("L", (width, height * _FINE * 2), 0)
        for n in range(2):
            sheet.paste(self._page(first + n), (0, n * height * _FINE))
        view = (0.0, upper, float(width), upper + height * _FINE)
        return np.asarray(sheet.resize((width, height), Image.Resampling.BICUBIC, box=view))

    def _page(self, number: int) -> Image.Image:
        if number in self._pages:
            self._pages.move_to_end(number)
            return self._pages[number]
        width, height = self._size
        page = Image.new("L", (width * _FINE, height * _FINE), 0)
        draw = ImageDraw.Draw(page)
        for word in self._words:
            y = (word.y - number * height) * _FINE
            reach = self._pixels[word.kind] * _FINE * 2
            if -reach <= y <= page.height + reach:
                ink = 255 if word.kind != "role" else 190
                draw.text(
                    (word.x * _FINE, y), word.text, fill=ink, font=self._font(word.kind), anchor=word.anchor
                )
        # Across, nothing moves: reduced once here. Down, it stays fine, to be reduced where the window falls.
        page = page.resize((width, page.height), Image.Resampling.BOX)
        self._pages[number] = page
        while len(self._pages) > _PAGES:
            self._pages.popitem(last=False)
        return page

    def _font(self, kind: Kind, fine: int = _FINE) -> ImageFont.FreeTypeFont:
        return typography.font("serif", self._pixels[kind] * fine)

    def _lay_out(self, text: str) -> float:
        width = self._size[0]
        gap = self._pixels["name"] * 0.6
        y = 0.0
        for raw in typography.clean(text).strip("\n").split("\n"):
            line = raw.strip()
            role, colon, name = (part.strip() for part in line.partition(":"))
            if not line:
                y += self._pixels["name"] * 1.0
            elif line.startswith("#"):
                y += self._pixels["heading"] * (0.8 if y else 0.0)
                y = self._centred(line.lstrip("#").strip(), "heading", y)
                y += self._pixels["heading"] * 0.35
            elif colon and role and name and self._two_columns(role, name):
                pitch = self._pixels["name"] * _LEADING
                baseline = y + self._pixels["name"]
                self._words.append(_Word(role, "role", width / 2 - gap / 2, baseline, "rs"))
                self._words.append(_Word(name, "name", width / 2 + gap / 2, baseline, "ls"))
                y += pitch
            else:
                y = self._centred(line, "name", y)
        return y

    def _two_columns(self, role: str, name: str) -> bool:
        """Whether both sides of 'role: name' fit their halves; what does not is set as one centred line."""
        half = self._size[0] * 0.44
        return self._font("role", 1).getlength(role) <= half and self._font("name", 1).getlength(name) <= half

    def _centred(self, text: str, kind: Kind, y: float) -> float:
        pixels = self._pixels[kind]
        for line in typography.wrapped(text, self._font(kind, 1), self._size[0] * 0.88):
            if line:
                self._words.append(_Word(line, kind, self._size[0] / 2, y + pixels, "ms"))
            y += pixels * _LEADING
        return y
