"""Measures a mix by ITU-R BS.1770, and holds its peaks when it is to be louder than they allow."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filmforge.editing.ffmpeg import consume
from filmforge.editing.sound import RATE
from filmforge.errors import MediaError

TRUE_PEAK = -1.0
"""dBTP that a delivered mix stays under (EBU R 128)."""

SILENCE = -70.0
"""LUFS under which nothing counts as sound: the absolute gate of BS.1770."""

# The limiter holds samples, not the curve between them, which may rise by some tenths of a dB more.
_CEILING = TRUE_PEAK - 1.0

NOTHING = -144.0
"""What stands for the level of digital silence: the floor of 24 bits, as minus infinity is no JSON."""

_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class Loudness:
    """Integrated loudness in LUFS (-70 or less: silence) and the highest true peak in dBTP."""

    lufs: float
    true_peak: float

    @property
    def silent(self) -> bool:
        """Whether there is nothing whose loudness could be set."""
        return self.lufs <= SILENCE


def measured(raw: Path, folder: Path) -> Loudness:
    """The loudness of raw float32 stereo samples at 48 kHz."""
    said = consume(
        ["-loglevel", "info", *_RAW, "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"],
        _chunks(raw), folder=folder, what="measuring the mix",
    )  # fmt: skip
    summary = said[said.rfind("Summary:") :]
    lufs = re.search(r"I:\s+(\S+) LUFS", summary)
    peak = re.search(r"Peak:\s+(\S+) dBFS", summary)
    if lufs is None or peak is None:
        raise MediaError("measuring the mix: FFmpeg gave no loudness; reinstall imageio-ffmpeg")
    return Loudness(_number(lufs[1]), _number(peak[1]))


def limited(raw: Path, out: Path, gain_db: float, folder: Path) -> None:
    """Write `raw`, louder by `gain_db`, to `out`, its peaks under the ceiling; as many samples as before."""
    ceiling = 10 ** (_CEILING / 20)
    chain = f"volume={gain_db:.4f}dB:precision=double,"
    chain += f"alimiter=limit={ceiling:.6f}:attack=5:release=80:level=false:latency=1"
    consume(
        ["-loglevel", "error", *_RAW, "-af", chain, "-f", "f32le", "-c:a", "pcm_f32le", out.name],
        _chunks(raw), folder=folder, what="limiting the mix",
    )  # fmt: skip
    if out.stat().st_size != raw.stat().st_size:
        raise MediaError("limiting the mix changed its length; this is a defect, please report it")


_RAW = ("-f", "f32le", "-ar", str(RATE), "-ac", "2", "-i", "pipe:0")


def _chunks(raw: Path) -> Iterator[bytes]:
    with raw.open("rb") as file:
        while chunk := file.read(_BLOCK):
            yield chunk


def _number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else NOTHING
