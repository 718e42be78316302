"""Captions: what is said, in lines that can be read, burnt into the picture or written beside it as SRT."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

# The customs of subtitling: two lines of 42, 17 characters a second, 5/6 s to 7 s on screen, two frames
# between.
LINE = 42
LINES = 2
CHARACTERS_A_SECOND = 17
SHORTEST = Fraction(5, 6)
LONGEST = Fraction(7)
GAP = 2


@dataclass(frozen=True, slots=True)
class Caption:
    """`text` on screen from film frame `first` up to, and not including, `last`."""

    text: str
    first: int
    last: int


def reading_frames(text: str, fps: Fraction) -> int:
    """How many frames `text` wants on screen to be read in comfort."""
    seconds = Fraction(len(" ".join(text.split())), CHARACTERS_A_SECOND)
    return math.ceil(min(max(seconds, SHORTEST), LONGEST * len(pages(text))) * fps)


def wrap(text: str, width: int = LINE) -> list[str]:
    """`text` in lines of at most `width` characters, as few as can be, and of like length.

    Breaks that the author made are kept when every line fits as it is.
    """
    from filmforge.editing.text import clean

    given = [" ".join(line.split()) for line in clean(text).split("\n")]
    given = [line for line in given if line]
    if 1 < len(given) <= LINES and all(len(line) <= width for line in given):
        return given
    words = [part for word in " ".join(given).split() for part in _parts(word, width)]
    if not words:
        return []
    fewest = len(_filled(words, width))
    # The narrowest measure that still needs no more lines sets them in like length.
    narrow = next(w for w in range(1, width + 1) if _fits(words, w) and len(_filled(words, w)) == fewest)
    return _filled(words, narrow)


def _parts(word: str, width: int) -> list[str]:
    return [word[i : i + width] for i in range(0, len(word), width)]


def _fits(words: Sequence[str], width: int) -> bool:
    return all(len(word) <= width for word in words)


def _filled(words: Sequence[str], width: int) -> list[str]:
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def pages(text: str) -> list[str]:
    """`text` as the captions it takes, one after another, each of at most two lines of 42 characters."""
    lines = wrap(text)
    if len(lines) <= LINES:
        return ["\n".join(lines)] if lines else []
    return ["\n".join(lines[i : i + LINES]) for i in range(0, len(lines), LINES)]


def paged(captions: Iterable[Caption], end: int) -> list[Caption]:
    """Captions ready to be shown: in order, each of two lines at most, two frames apart, none past film frame
    `end`.

    A caption of several pages gives each its share of the time, by its characters. Two that would be on
    screen at once: the earlier gives way, and when they begin together they share the screen, a dash before
    each.
    """
    shown: list[Caption] = []
    for caption in sorted(captions, key=lambda c: (c.first, c.last)):
        for page in _shared_out(replace(caption, first=max(0, caption.first), last=min(caption.last, end))):
            if not shown or shown[-1].last <= page.first or page.first - shown[-1].first > GAP:
                shown.append(page)
            else:
                together = "\n".join("– " + " ".join(c.text.split()) for c in (shown[-1], page))
                shown[-1] = Caption(together, shown[-1].first, max(shown[-1].last, page.last))
    return [
        replace(a, last=max(a.first + 1, min(a.last, b.first - GAP))) if b.first - a.first > GAP else a
        for a, b in pairwise(shown)
    ] + shown[-1:]


def _shared_out(caption: Caption) -> list[Caption]:
    texts = pages(caption.text)
    frames = caption.last - caption.first
    if frames < len(texts):
        texts = ["\n".join(wrap(caption.text))] if frames > 0 and texts else []
    total = sum(map(len, texts))
    bounds = [0]
    for number in range(1, len(texts) + 1):
        share = sum(map(len, texts[:number])) * frames // max(1, total)
        bounds.append(
            frames if number == len(texts) else max(bounds[-1] + 1, min(share, frames - len(texts) + number))
        )
    return [
        Caption(text, caption.first + a, caption.first + b)
        for text, a, b in zip(texts, bounds, bounds[1:], strict=False)
    ]


def within(captions: Iterable[Caption], first: int, count: int) -> list[Caption]:
    """The parts of `captions` that fall into the `count` film frames from `first`, counted from there."""
    return [
        Caption(c.text, max(c.first, first) - first, min(c.last, first + count) - first)
        for c in captions
        if c.first < first + count and c.last > first
    ]


def write_srt(path: Path, captions: Iterable[Caption], fps: Fraction) -> None:
    """Write the captions as SubRip (UTF-8), numbered, times to the millisecond.

    A frame's time is rounded up, so that a player that shows frame n at n/fps shows the caption from that
    very frame.
    """
    entries = []
    for number, caption in enumerate(captions, 1):
        # A blank line ends an entry, and an arrow begins one: neither may stand in the text.
        text = "\n".join(line.replace("-->", "→") for line in wrap(caption.text)) or "…"
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
    lines = wrap(text) or [" "]
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
