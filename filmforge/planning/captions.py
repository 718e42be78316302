"""When each caption is on screen, and how its lines break: words into whole frames and lines that can be read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

# The customs of subtitling: two lines of 42, 17 characters a second, 5/6 s to 7 s on screen, two frames between
# (Netflix Timed Text Style Guide, English).
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


def shortest_frames(fps: Fraction) -> int:
    """The fewest frames in which anything can be read."""
    return math.ceil(SHORTEST * fps)


def reading_frames(text: str, fps: Fraction) -> int:
    """How many frames `text` wants on screen to be read in comfort."""
    seconds = Fraction(len(" ".join(text.split())), CHARACTERS_A_SECOND)
    return math.ceil(min(max(seconds, SHORTEST), LONGEST * len(_pages(wrap(text)))) * fps)


def wrap(text: str, width: int = LINE) -> list[str]:
    """`text` in lines of at most `width` characters, as few as can be, and of like length.

    Breaks that the author made are kept when every line fits as it is.
    """
    given = [" ".join(line.split()) for line in text.splitlines()]
    given = [line for line in given if line]
    if len(given) > 1 and all(len(line) <= width for line in given):
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


def _pages(lines: Sequence[str]) -> list[str]:
    """`lines` two by two: what is on screen at once."""
    return ["\n".join(lines[i : i + LINES]) for i in range(0, len(lines), LINES)]


def paged(captions: Iterable[Caption], end: int, fps: Fraction) -> tuple[Caption, ...]:
    """What is on screen, in order: each of two lines of 42 characters, two frames apart, none past film frame `end`.

    A caption of several pages gives each its share of the time, by its characters. Of two that would be on screen
    at once the earlier gives way; where too little of it would be left to be read, they share the screen, a dash
    before each.
    """
    in_turn = _apart(_together(captions, end, fps))
    return tuple(_apart(page for caption in in_turn for page in _shared_out(caption)))


def _together(captions: Iterable[Caption], end: int, fps: Fraction) -> Iterator[Caption]:
    """The captions in order, those that begin too soon after another joined with it, a dash before each."""
    least = shortest_frames(fps) + GAP
    said: list[Caption] = []  # what shares the screen from here on

    def joined() -> Caption:
        if len(said) == 1:
            return said[0]
        lines = [line for one in said for line in wrap(f"– {' '.join(one.text.split())}")]
        return Caption("\n".join(lines), said[0].first, max(one.last for one in said))

    for caption in sorted(captions, key=lambda c: c.first):
        here = Caption(caption.text, max(0, caption.first), min(caption.last, end))
        if here.first >= here.last or not wrap(caption.text):
            continue
        if said and (here.first >= joined().last or here.first - said[0].first >= least):
            yield joined()
            said = []
        said.append(here)
    if said:
        yield joined()


def _shared_out(caption: Caption) -> list[Caption]:
    lines = wrap(caption.text)
    texts = _pages(lines)
    frames = caption.last - caption.first
    if frames < len(texts):
        texts = ["\n".join(lines)] if frames > 0 else []
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


def _apart(shown: Iterable[Caption]) -> Iterator[Caption]:
    """Each caption, ending two frames before the next begins, but on screen for one at least."""
    shown = list(shown)
    for caption, after in pairwise(shown):
        last = min(caption.last, max(caption.first + 1, after.first - GAP))
        yield Caption(caption.text, caption.first, last)
    yield from shown[-1:]


def within(captions: Iterable[Caption], first: int, count: int) -> list[Caption]:
    """The parts of `captions` that fall into the `count` film frames from `first`, counted from there."""
    return [
        Caption(c.text, max(c.first, first) - first, min(c.last, first + count) - first)
        for c in captions
        if c.first < first + count and c.last > first
    ]
