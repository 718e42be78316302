"""Small media for tests: frames that carry their own number, tones, and what comes out read back."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

SIZE = (64, 36)
FILM = Fraction(24)


def numbered(count: int, size: tuple[int, int] = SIZE, first: int = 0) -> NDArray[np.uint8]:
    """Flat grey frames; frame n is 20 + 5n (n up to 40), far enough apart to survive any codec."""
    levels = 20 + 5 * (np.arange(first, first + count) % 41)
    frames = np.broadcast_to(levels[:, None, None, None], (count, size[1], size[0], 3))
    return np.ascontiguousarray(frames, dtype=np.uint8)


def number_of(frame: NDArray[np.uint8]) -> int:
    """Which of the `numbered` frames this is, read in its middle."""
    height, width = frame.shape[:2]
    level = frame[height // 3 : -height // 3, width // 3 : -width // 3].mean()
    return round((float(level) - 20) / 5)


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    """All frames of a file as RGB."""
    with av.open(str(path)) as container:
        return [np.asarray(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def raw_planes(path: Path) -> list[bytes]:
    """All frames of a file as the decoder gives them, for comparisons to the bit."""
    with av.open(str(path)) as container:
        return [b"".join(bytes(p) for p in f.planes) for f in container.decode(video=0)]


def tone(path: Path, seconds: float, hertz: float = 440.0, level: float = 0.3, rate: int = 48000) -> Path:
    """A sine in a WAV file, mono."""
    import soundfile

    at = np.arange(round(seconds * rate)) / rate
    soundfile.write(path, level * np.sin(2 * np.pi * hertz * at), rate, subtype="FLOAT")
    return path


def complaints(path: Path) -> str:
    """What FFmpeg says against a file when it decodes all of it: nothing, when it is sound."""
    from filmforge.editing.ffmpeg import executable

    command = [executable(), "-hide_banner", "-v", "warning", "-i", str(path), "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr
