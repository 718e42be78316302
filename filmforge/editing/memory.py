"""Whether footage does not decode for want of memory: FFmpeg's decoders call that invalid data."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

from filmforge.errors import MediaError

_HELD = 24  # frames: up to 16 that others refer to, and what the threads are at
_PIXEL = 3  # bytes, of eight bits in full colour; most footage takes half
_LEAST = 64 << 20  # bytes: threads with their stacks, tables, sound


def refuse_if_short(path: Path, stream: Any, reason: Exception) -> None:
    """Raise MediaError if a packet of `stream` did not decode since there is not enough memory; `reason` is FFmpeg's.

    A decoder that gets no memory for a frame reports invalid data (h264: `get_buffer() failed`), or that a thread
    cannot be started. Were that passed over as a damaged packet is, frames would be missing from the film for good. So
    what a decoder may hold is asked for once more: mapped, and never touched.
    """
    if isinstance(reason, MemoryError):
        raise too_little(path) from reason
    context = stream.codec_context
    refuse_if_none_left(path, (getattr(context, "width", 0) or 0) * (getattr(context, "height", 0) or 0))


def refuse_if_none_left(path: Path, pixels: int) -> None:
    """Raise MediaError if a decoder of frames of so many pixels would not get its memory.

    Some decoders, given no memory for a frame, leave it out without a word: this is for where one is missing.
    """
    try:
        mmap.mmap(-1, max(_LEAST, pixels * _PIXEL * _HELD)).close()
    except OSError as short:
        raise too_little(path) from short


def too_little(path: Path) -> MediaError:
    """What to raise where there is no memory to decode `path`, from what says so."""
    return MediaError(
        f"{path}: there is not enough memory to decode it; free some, or build with fewer --jobs"
    )
