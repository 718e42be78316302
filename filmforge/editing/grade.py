"""Reads a colour lookup table (.cube), so that FFmpeg sees only one that is whole and of a sane size."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, NamedTuple

from filmforge.errors import MediaError

_MAX_3D = 129
_MAX_1D = 65536
_MAX_BYTES = 100_000_000

NAME = "grade.cube"
"""The name under which a table lies beside FFmpeg."""


class Grade(NamedTuple):
    """A table that is whole: which kind it is, and its lines as FFmpeg is to read them."""

    kind: Literal["3d", "1d"]
    lines: list[str]


def install_grade(path: Path, folder: Path) -> Literal["3d", "1d"]:
    """Write the .cube file to `folder` as NAME; returns which kind of table it is. Raises MediaError."""
    grade = read_grade(path)
    (folder / NAME).write_text("\n".join(grade.lines) + "\n", "ascii")
    return grade.kind


def read_grade(path: Path) -> Grade:
    """The table in a .cube file.

    The format is Adobe's Cube LUT Specification 1.0. Raises MediaError with the line that is wrong.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise MediaError(f"{path}: is too large to be a .cube table")
        text = path.read_text("utf-8", errors="replace")
    except OSError as reason:
        raise MediaError(f"{path}: cannot be read: {reason.strerror}") from None
    size, kind, header, rows = 0, "", [], []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if not words or words[0] == "TITLE":
            continue
        if words[0] in ("LUT_3D_SIZE", "LUT_1D_SIZE"):
            kind = words[0]
            size = int(words[1]) if len(words) == 2 and words[1].isdigit() else 0
            if not 2 <= size <= (_MAX_3D if kind == "LUT_3D_SIZE" else _MAX_1D):
                raise MediaError(f"{path}:{number}: '{line.strip()[:60]}' is no size that can be used")
        elif words[0] in ("DOMAIN_MIN", "DOMAIN_MAX"):
            header.append(f"{words[0]} {_three(words[1:], path, number, line)}")
        elif words[0][0].isalpha():
            continue  # keywords of other programs, such as LUT_3D_INPUT_RANGE, which FFmpeg passes over too
        else:
            rows.append(_three(words, path, number, line))
    due = size**3 if kind == "LUT_3D_SIZE" else size
    if not kind or len(rows) != due:
        found = f"holds {len(rows)} colours, not {due}" if kind else "says no LUT_3D_SIZE"
        raise MediaError(f"{path}: {found}; export the look again as a .cube file")
    return Grade("3d" if kind == "LUT_3D_SIZE" else "1d", [f"{kind} {size}", *header, *rows])


def _three(words: list[str], path: Path, number: int, line: str) -> str:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != 3 or not all(map(math.isfinite, values)):
        raise MediaError(f"{path}:{number}: '{line.strip()[:60]}' is not three numbers")
    return " ".join(repr(value) for value in values)
