"""Captions as files and pictures: written beside the film as SRT, or drawn to be burnt in."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Caption:
    """`text`, a line of it on each line, on screen from film frame `first` up to, and not including, `last`."""

    text: str
    first: int
    last: int


def _lines(text: str) -> list[str]:
    from filmforge.editing.text import clean

    lines = (" ".join(line.split()) for line in clean(text).split("\n"))
    return [line for line in lines if line]


def write_srt(path: Path, captions: Iterable[Caption], fps: Fraction) -> None:
    """Write the captions as SubRip (UTF-8), numbered, times to the millisecond.

    A frame's time is rounded up, so that a player that shows frame n at n/fps shows the caption from that
    very frame.
    """
    entries = []
    for number, caption in enumerate(captions, 1):
        # A blank line ends an entry, and an arrow begins one: neither may stand in the text.
        text = "\n".join(line.replace("-->", "→") for line in _lines(caption.text)) or "…"
        entries.append(f"{number}\n{_clock(caption.first, fps)} --> {_clock(caption.last, fps)}\n{text}\n")
    part = path.with_name(path.name + ".part")
    part.write_text("\n".join(entries), "utf-8", newline="\n")
    part.replace(path)


def _clock(frame: int, fps: Fraction) -> str:
    ms = math.ceil(frame * 1000 / Fraction(fps))
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"


def caption_image(text: str, size: tuple[int, int]) -> tuple[Image.Image, tuple[int, int]]:
    """The caption for a film of `size` pixels: an RGBA picture of the words alone, and where its corner lies.

    White with a soft dark edge, centred above the lower safe margin. Whatever `text` holds is drawn, not
    understood.
    """
    from PIL import Image, ImageChops, ImageFilter

    from filmforge.editing import text as typography

    width, height = size
    pixels = max(5, round(min(height * 0.052, width * 0.045)))
    lines = _lines(text) or [" "]
    setting, lines = typography.fitted(
        "\n".join(lines), "sans", pixels, (round(width * 0.9), round(height * 0.5)), least=4
    )
    ink = typography.block(lines, setting)
    edge = typography.block(lines, setting, stroke=max(1, round(setting.size * 0.07)))
    soft = edge.filter(ImageFilter.GaussianBlur(max(0.5, setting.size * 0.1)))
    grown = Image.new("L", edge.size, 0)
    grown.paste(ink, ((edge.width - ink.width) // 2, (edge.height - ink.height) // 2))
    dark = ImageChops.lighter(edge.point(lambda v: v * 3 // 5), soft.point(lambda v: min(255, v * 13 // 10)))
    image = Image.merge("RGBA", (*[Image.composite(grown, Image.new("L", edge.size, 0), grown)] * 3, dark))
    image.putalpha(ImageChops.lighter(dark, grown))
    box = image.getbbox() or (0, 0, 1, 1)
    bottom = height - round(height * 0.05)  # and the margin of the text block itself
    left = (width - edge.width) // 2 + box[0]
    top = bottom - image.height + box[1]
    cropped = image.crop(box)
    return cropped, (max(0, min(left, width - cropped.width)), max(0, min(top, height - cropped.height)))
