"""Typography: the fonts that ship, and any text at all set in them without a crash."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from typing import Literal

from PIL import Image, ImageDraw, ImageFont, features

Face = Literal["serif", "sans"]

_FILES: dict[Face, str] = {"serif": "EBGaramond12-Regular.ttf", "sans": "Lato-Medium.ttf"}

_MOST = 20_000
"""Characters of one text that are set; what is longer is no caption, card or list of names."""


@lru_cache(maxsize=64)
def font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    """A face at `size` pixels. A character that it lacks is drawn as a box (the font's own)."""
    file = resources.files("filmforge.fonts") / _FILES[face]
    # Raqm shapes right-to-left and joining scripts; where Pillow has none, letters stand side by side.
    engine = ImageFont.Layout.RAQM if features.check("raqm") else ImageFont.Layout.BASIC
    with resources.as_file(file) as path:
        return ImageFont.truetype(str(path), max(1, size), layout_engine=engine)


def clean(text: str) -> str:
    """`text` without control characters and lone surrogates; line breaks stay, tabs become spaces."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = text.replace("\t", " ")[:_MOST]
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs"))


def wrapped(text: str, face: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """`text` in lines of at most `width` pixels, broken at spaces, and inside a word only where it must be.

    Line breaks in `text` are kept, empty lines too.
    """
    lines: list[str] = []
    space = face.getlength(" ")
    lengths = _lengths(text, face)
    for paragraph in text.split("\n"):
        line, used = "", 0.0
        for word in paragraph.split():
            needed = lengths[word]
            if line and used + space + needed <= width:
                line, used = f"{line} {word}", used + space + needed
                continue
            if line:
                lines.append(line)
            while needed > width and len(word) > 1:
                fits = _fitting(word, face, width)
                lines.append(word[:fits])
                word = word[fits:]
                needed = face.getlength(word) if word else 0.0
            line, used = word, needed
        lines.append(line)
    return lines


def _lengths(text: str, face: ImageFont.FreeTypeFont) -> dict[str, float]:
    """The width of every word of `text`, each measured once."""
    return {word: face.getlength(word) for word in set(text.split())}


def _fitting(word: str, face: ImageFont.FreeTypeFont, width: float) -> int:
    """How many leading characters of `word` fit into `width`: at least one."""
    # Letters are rarely narrower than a tenth of their height: no need to measure more than that many.
    low, high = 1, min(len(word), int(width / (face.size * 0.1)) + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if face.getlength(word[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def fitted(
    text: str, face: Face, size: int, box: tuple[int, int], *, leading: float = 1.3, least: int = 6
) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """A large setting of `text`, `size` pixels or smaller, that fits into a box of (width, height) pixels.

    A word is broken only where the text would otherwise be set at less than a third of the size asked for.
    Text that does not fit at `least` pixels is cut off with an ellipsis.
    """

    def fits(pixels: int, *, whole: bool) -> bool:
        setting = font(face, pixels)
        if whole and max(_lengths(text, setting).values(), default=0.0) > box[0]:
            return False
        return len(wrapped(text, setting, box[0])) * pixels * leading <= box[1]

    third = max(least, size // 3)
    if size < least or fits(size, whole=True):
        pixels = size
    elif fits(third, whole=True):
        pixels = _largest(third, size, lambda at: fits(at, whole=True))
    else:
        pixels = _largest(least, size, lambda at: fits(at, whole=False))
    setting = font(face, pixels)
    lines = wrapped(text, setting, box[0])
    room = max(1, int(box[1] / (pixels * leading)))
    if len(lines) > room:
        lines = [*lines[: room - 1], lines[room - 1][:-1] + "…"]
    return setting, lines


def _largest(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """The largest size from `low` to `high` that fits, `low` being taken to."""
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def block(
    lines: list[str], setting: ImageFont.FreeTypeFont, *, leading: float = 1.3, stroke: int = 0
) -> Image.Image:
    """The lines, centred on one another, as a mask (mode L): 255 where there is ink."""
    pitch = setting.size * leading
    # Room on all sides for what hangs over the advance widths: swashes, accents, strokes.
    margin = round(setting.size * 0.5) + stroke
    width = round(max(setting.getlength(line) for line in lines)) + 2 * margin
    image = Image.new("L", (max(1, width), round(pitch * len(lines)) + 2 * margin), 0)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        if line.strip():
            place = (width / 2, margin + pitch * (number + 0.5))
            draw.text(place, line, fill=255, font=setting, anchor="mm", stroke_width=stroke)
    return image
