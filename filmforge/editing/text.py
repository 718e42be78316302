"""Typography: the fonts that ship, and any text at all set in them without a crash."""

from __future__ import annotations

import unicodedata
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


def length(text: str, face: ImageFont.FreeTypeFont) -> float:
    """The width of one line in pixels."""
    return face.getlength(text) if text else 0.0


def wrapped(text: str, face: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """`text` in lines of at most `width` pixels, broken at spaces, and inside a word only where it is wider
    than that.

    Line breaks in `text` are kept, empty lines too.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if length(longer, face) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            while length(word, face) > width and len(word) > 1:
                fits = _fitting(word, face, width)
                lines.append(word[:fits])
                word = word[fits:]
            line = word
        lines.append(line)
    return lines


def _fitting(word: str, face: ImageFont.FreeTypeFont, width: float) -> int:
    """How many leading characters of `word` fit into `width`: at least one."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        if length(word[:middle], face) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def fitted(
    text: str, face: Face, size: int, box: tuple[int, int], *, leading: float = 1.3, least: int = 6
) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """The largest setting of `text`, `size` pixels or smaller, that fits into a box of (width, height)
    pixels.

    A word is broken only when it does not fit a line at half the size asked for. Text that does not fit at
    `least` pixels is cut off with an ellipsis.
    """
    while True:
        setting = font(face, size)
        lines = wrapped(text, setting, box[0])
        roomy = len(lines) * size * leading <= box[1]
        whole = all(length(word, setting) <= box[0] for word in text.split())
        if roomy and (whole or size <= max(least, 24)):
            return setting, lines
        if size <= least:
            kept = lines[: max(1, int(box[1] / (size * leading)))]
            return setting, kept if len(kept) == len(lines) else [*kept[:-1], kept[-1][:-1] + "…"]
        size = max(least, int(size * 0.94))


def block(
    lines: list[str], setting: ImageFont.FreeTypeFont, *, leading: float = 1.3, stroke: int = 0
) -> Image.Image:
    """The lines, centred on one another, as a mask (mode L): 255 where there is ink."""
    pitch = setting.size * leading
    # Room on all sides for what hangs over the advance widths: swashes, accents, strokes.
    margin = round(setting.size * 0.5) + stroke
    width = round(max(length(line, setting) for line in lines)) + 2 * margin
    image = Image.new("L", (max(1, width), round(pitch * len(lines)) + 2 * margin), 0)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        if line.strip():
            place = (width / 2, margin + pitch * (number + 0.5))
            draw.text(place, line, fill=255, font=setting, anchor="mm", stroke_width=stroke)
    return image
