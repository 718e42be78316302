"""The scalars of the film language: durations, sizes, rates, paths and the like, from what YAML holds.

Each function takes the value as written and returns it in the units of the film, or raises ValueError with a
message for the filmmaker. All arithmetic is exact.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any, NamedTuple


class Size(NamedTuple):
    """A picture's size in pixels, written `1280x720`."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


ID = r"[a-z][a-z0-9_-]*"
SHOT_NAME = rf"({ID}/)?{ID}"
HUB_ID = r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*"
MODEL_NAME = r"[a-z][a-z0-9._-]*"
DURATION = r"[0-9]{1,9}(\.[0-9]{1,9})?s|[0-9]{1,9}f|[0-9]{2,3}:[0-9]{2}:[0-9]{2}:[0-9]{2,3}"
SIZE = r"[1-9][0-9]{0,4}x[1-9][0-9]{0,4}"
RATE = r"[0-9]{1,6}(\.[0-9]{1,6})?|[0-9]{1,9}/[0-9]{1,9}"
COLOR = r"#[0-9a-fA-F]{6}"

_SECONDS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")
_FRAMES = re.compile(r"([0-9]{1,9})f")
_TIMECODE = re.compile(r"([0-9]{2,3}):([0-9]{2}):([0-9]{2})([:;.,])([0-9]{2,3})")
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
_RATE = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
_LARGEST_SIDE = 16_384
FASTEST = 1000
"""The most frames a second that a film has."""

# The rates of NTSC and its kin, by the decimals that people write for them.
_NTSC = {
    "23.97": "24000/1001",
    "23.976": "24000/1001",
    "23.98": "24000/1001",
    "29.97": "30000/1001",
    "47.952": "48000/1001",
    "59.94": "60000/1001",
    "119.88": "120000/1001",
}


def shown(value: Any) -> str:
    """`value` as it is quoted in a message: on one line, and never long."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 60 else text[:56] + "..." + (text[0] if isinstance(value, str) else "")


def rounded(exact: Fraction) -> int:
    """`exact` to the nearest whole number, a half going up."""
    return math.floor(exact + Fraction(1, 2))


def frames(value: Any, fps: Fraction) -> int:
    """A duration as whole frames at `fps`, at least 1. Raises ValueError."""
    count = _frames(value, fps)
    if count == 0:
        raise ValueError(
            f"{shown(value)} is not a duration: it has no frame at {written_rate(fps)} fps; write 1f or more"
        )
    return count


def frames_or_zero(value: Any, fps: Fraction) -> int:
    """A duration or moment as whole frames at `fps`; nothing at all is 0s or 0f. Raises ValueError."""
    count = _frames(value, fps)
    if count == 0 and value.strip("0:.sf"):
        raise ValueError(f"{shown(value)} rounds to no frame at {written_rate(fps)} fps; write 0f or 1f")
    return count


def _frames(value: Any, fps: Fraction) -> int:
    if type(value) is str:
        if found := _SECONDS.fullmatch(value):
            text = found[1]
            # Whole seconds at a whole rate are by far the most common, and need no fraction.
            if fps.denominator == 1 and "." not in text:
                return int(text) * fps.numerator
            return rounded(Fraction(text) * fps)
        if found := _FRAMES.fullmatch(value):
            return int(found[1])
        if found := _TIMECODE.fullmatch(value):
            return _timecode(value, found, fps)
    raise ValueError(f"{shown(value)} is not a duration; write 4s, 96f or 00:00:04:00")


def _timecode(value: str, found: re.Match[str], fps: Fraction) -> int:
    if found[4] != ":":
        raise ValueError(
            f"{shown(value)} is not a duration; drop-frame timecode is not known, write 00:00:04:00"
        )
    hours, minutes, seconds, part = (int(found[i]) for i in (1, 2, 3, 5))
    # Timecode counts whole frames: at 24000/1001 it counts to 24 and runs a little slow, as everywhere.
    count = rounded(fps)
    if minutes > 59 or seconds > 59 or part >= count:
        raise ValueError(
            f"{shown(value)} is not a timecode; minutes and seconds go to 59, frames to {count - 1} "
            f"at {written_rate(fps)} fps"
        )
    return ((hours * 60 + minutes) * 60 + seconds) * count + part


def written_duration(count: int, fps: Fraction) -> str:
    """`count` frames as one would write them: in seconds where that is exact and short, else in frames."""
    seconds = Fraction(count) / fps
    thousandths = seconds * 1000
    if thousandths.denominator == 1:
        whole, part = divmod(thousandths.numerator, 1000)
        return f"{whole}.{part:03}".rstrip("0").rstrip(".") + "s"
    return f"{count}f"


def size(value: Any) -> Size:
    """A picture's size, `WIDTHxHEIGHT` in pixels, each from 1 to 16384. Raises ValueError."""
    found = _SIZE.fullmatch(value) if type(value) is str else None
    if found is None:
        raise ValueError(f"{shown(value)} is not a size; write width and height in pixels, such as 1280x720")
    width, height = int(found[1]), int(found[2])
    if max(width, height) > _LARGEST_SIDE:
        raise ValueError(f"{value} is too large; neither side may pass {_LARGEST_SIDE} pixels")
    return Size(width, height)


def delivered_size(value: Any) -> Size:
    """The film's size: both sides even, since video stores colour for blocks of 2x2. Raises ValueError."""
    given = size(value)
    if given.width % 2 or given.height % 2:
        even = Size(given.width + given.width % 2, given.height + given.height % 2)
        raise ValueError(f"{value} cannot be delivered: both sides of a film are even; write {even}")
    if min(given) < 16:
        raise ValueError(f"{value} is too small; each side of a film has at least 16 pixels")
    return given


def rate(value: Any) -> Fraction:
    """Frames a second, `24` or `24000/1001`, from 1 to 1000. Raises ValueError."""
    exact = None
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        text = str(value)
        if text in _NTSC:
            raise ValueError(f"{text} is not exact; write {_NTSC[text]}")
        exact = Fraction(text)
    elif type(value) is str and (found := _RATE.fullmatch(value)) and int(found[2]):
        exact = Fraction(int(found[1]), int(found[2]))
    if exact is None:
        raise ValueError(f"{shown(value)} is not a rate; write frames a second, such as 24, 25 or 24000/1001")
    if not 1 <= exact <= FASTEST:
        raise ValueError(f"{value} is not a rate of a film; it goes from 1 to {FASTEST} frames a second")
    return exact


def written_rate(fps: Fraction) -> str:
    """`fps` as it is written in a film."""
    return str(fps)


def path(value: Any) -> str:
    """A path inside the project: relative, with `/` between folders, never leaving it. Raises ValueError."""
    if type(value) is not str:
        raise ValueError(f"{shown(value)} is not a path; write a file's name relative to the film file")
    if not value.strip():
        raise ValueError("the path is empty; write a file's name relative to the film file")
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise ValueError(f"{shown(value)} is not a path: it holds a control character")
    if len(value.encode("utf-8", "surrogatepass")) > 4000 or max(map(len, value.split("/"))) > 255:
        raise ValueError(f"{shown(value)} is too long for a path")
    if "\\" in value or re.match(r"[A-Za-z]:/", value):
        raise ValueError(
            f"{shown(value)} is not a path of the project; write / between folders, relative to the film file"
        )
    if value.startswith(("/", "~")):
        raise ValueError(f"{shown(value)} leaves the project folder; paths are relative to the film file")
    if "://" in value:
        raise ValueError(f"{shown(value)} is an address; only files inside the project folder are used")
    depth = 0
    for name in value.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(name, 1)
        if depth < 0:
            raise ValueError(f"{shown(value)} leaves the project folder; files are inside it")
    return value


def hub_id(value: Any) -> str:
    """A repository of the Hugging Face hub, `owner/name`. Raises ValueError."""
    if type(value) is str and re.fullmatch(HUB_ID, value):
        return value
    raise ValueError(f"{shown(value)} is not a hub id; write owner/name")


def number(value: Any) -> float:
    """A finite number. Raises ValueError."""
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int and abs(value) < 2**63:
        return float(value)
    raise ValueError(f"{shown(value)} is not a number")


def version(value: Any) -> int:
    """The version of the language, which is 1. Raises ValueError."""
    if type(value) is int and value == 1:
        return 1
    if type(value) is int and value > 1:
        raise ValueError(
            f"the film is in version {value} of the language, and this filmforge reads version 1"
        )
    raise ValueError(f"{shown(value)} is not a version of the language; write `filmforge: 1`")
