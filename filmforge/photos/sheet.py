"""The contact sheet: every photo of a character, with its caption and what is wrong with it, on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from filmforge.editing.text import clean, font, wrapped
from filmforge.photos.judging import NOT_JUDGED, Fault, Judgement
from filmforge.photos.reading import Photo

_PAPER, _INK, _QUIET, _ALARM, _GROUND = "#f7f6f2", "#23242a", "#77787f", "#b3321c", "#e7e5de"
_CELL, _GAP, _MARGIN = 300, 24, 36
_THUMB = (_CELL, 200)
_LINE = 21
_CAPTION_LINES = 3

_Line = tuple[str, str]
"""A line of text and its colour."""


@dataclass(frozen=True, slots=True)
class _Cell:
    photo: Photo
    lines: list[_Line]


def draw_sheet(
    title: str, photos: Sequence[Photo], captions: Mapping[str, str], judgement: Judgement
) -> Image.Image:
    """The sheet of `photos`, RGB. `captions` are the words that each is trained with, by its name."""
    face, large = font("sans", 15), font("sans", 30)
    cells = [
        _Cell(photo, _lines(photo, captions[photo.name], judgement.each[photo.name])) for photo in photos
    ]
    columns = min(len(cells), 4 if len(cells) <= 24 else 6)
    rows = [cells[at : at + columns] for at in range(0, len(cells), columns)]
    width = 2 * _MARGIN + max(3, columns) * (_CELL + _GAP) - _GAP
    head = [(line, _ALARM) for f in judgement.together for line in _wrap(f.words, width - 2 * _MARGIN)]
    head += [(line, _QUIET) for line in _wrap(f"Not judged: {NOT_JUDGED}.", width - 2 * _MARGIN)]
    top = _MARGIN + 46 + len(head) * _LINE + 14
    heights = [_THUMB[1] + 10 + max(len(cell.lines) for cell in row) * _LINE + _GAP for row in rows]
    sheet = Image.new("RGB", (width, top + sum(heights) + _MARGIN // 2), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), clean(title), fill=_INK, font=large)
    for number, (text, colour) in enumerate(head):
        draw.text((_MARGIN, _MARGIN + 46 + number * _LINE), text, fill=colour, font=face)
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            left = _MARGIN + column * (_CELL + _GAP)
            sheet.paste(_thumb(cell.photo), (left, top))
            for number, (text, colour) in enumerate(cell.lines):
                draw.text((left, top + _THUMB[1] + 8 + number * _LINE), text, fill=colour, font=face)
        top += height
    return sheet


def _lines(photo: Photo, caption: str, faults: Sequence[Fault]) -> list[_Line]:
    kind = ", clip" if photo.clip else ""
    name = _wrap(f"{photo.name}  {photo.size[0]}x{photo.size[1]}{kind}", _CELL)
    alarms = [line for fault in faults for line in _wrap(fault.words, _CELL)]
    words = _wrap(caption, _CELL)
    if len(words) > _CAPTION_LINES:
        words = [*words[: _CAPTION_LINES - 1], words[_CAPTION_LINES - 1][:-1] + "…"]
    return [*((x, _INK) for x in name), *((x, _ALARM) for x in alarms), *((x, _QUIET) for x in words)]


def _wrap(text: str, width: int) -> list[str]:
    return wrapped(clean(text), font("sans", 15), width)


def _thumb(photo: Photo) -> Image.Image:
    """The photo whole, as large as fits, on a quiet ground."""
    image = Image.fromarray(photo.picture)
    scale = min(_THUMB[0] / image.width, _THUMB[1] / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    ground = Image.new("RGB", _THUMB, _GROUND)
    place = ((_THUMB[0] - size[0]) // 2, (_THUMB[1] - size[1]) // 2)
    ground.paste(image.resize(size, Image.Resampling.LANCZOS), place)
    return ground
