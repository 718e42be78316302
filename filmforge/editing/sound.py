"""Any file's sound as 48 kHz stereo floats on disk, aligned with its picture, for a mix to read anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from filmforge.editing import probe
from filmforge.editing.memory import refuse_if_short
from filmforge.errors import MediaError

RATE = 48_000
"""The rate of every mix, in samples a second."""

Samples = NDArray[np.float32]
"""count x 2, full scale at 1.0."""

# Timestamps may tremble by this much before a hole or an overlap is believed.
_TREMBLE = Fraction(1, 20)


def decode_sound(path: Path, raw: Path, limit: int | None = None) -> Samples:
    """Decode the first sound of `path` into `raw` (float32, 48 kHz stereo) and return it as memory-mapped
    samples.

    Sample 0 is the moment of the first frame of picture; of a file without picture, that of its first sound.
    Holes in the recording stay silent. At most `limit` samples are decoded. Raises MediaError when there is
    no sound.
    """
    written = 0
    with raw.open("wb") as file:
        for block in _blocks(path):
            if limit is not None:
                block = block[: limit - written]
            file.write(block.tobytes())
            written += len(block)
            if limit is not None and written >= limit:
                break
    if not written:
        return np.zeros((0, 2), np.float32)
    return np.memmap(raw, np.float32, "r", shape=(written, 2))


def _blocks(path: Path) -> Iterator[Samples]:
    with probe.opened(path) as container:
        stream = probe.sound_stream(container)
        if stream is None:
            raise MediaError(f"{path}: has no sound; use another file, or leave its sound out")
        start = _start_of_picture(container)
        # One channel goes to both sides as it is; FFmpeg's own mixing would take 3 dB from it.
        layout = "mono" if stream.codec_context.channels == 1 else "stereo"
        resampler = av.AudioResampler(format="flt", layout=layout, rate=RATE)
        due: Fraction | None = None  # the time at which the next sample is expected
        decoded = 0
        for frame in _frames(path, container, stream):
            rate = frame.sample_rate
            time = frame.pts * frame.time_base if frame.pts is not None else due
            if due is None:
                due = start if start is not None else (time or Fraction(0))
            if time is not None and abs(time - due) > (_TREMBLE if decoded else Fraction(1, rate)):
                hole = time - due
                if hole > 0:
                    yield np.zeros((round(hole * RATE), 2), np.float32)
                    due = time
                else:
                    early = round(-hole * rate)
                    if early >= frame.samples:
                        continue
                    frame = _without_head(frame, early)
            due += Fraction(frame.samples, rate)
            decoded += frame.samples
            frame.pts = None  # the resampler would fill holes of its own accord
            for resampled in resampler.resample(frame):
                yield _stereo(resampled)
        if not decoded:
            raise MediaError(f"{path}: its sound cannot be decoded; export it again, for instance as WAV")
        for resampled in resampler.resample(None):
            yield _stereo(resampled)


def _stereo(frame: Any) -> Samples:
    samples = np.asarray(frame.to_ndarray(), np.float32)
    return (
        samples.reshape(-1, 2) if frame.layout.nb_channels == 2 else np.repeat(samples.reshape(-1, 1), 2, 1)
    )


def _frames(path: Path, container: Any, stream: Any) -> Iterator[Any]:
    """Decoded frames; what does not decode is passed over, as players do."""
    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except probe.UNREADABLE as reason:
                refuse_if_short(path, stream, reason)
    except probe.UNREADABLE as reason:  # cut off: what was there before counts
        refuse_if_short(path, stream, reason)


def _start_of_picture(container: Any) -> Fraction | None:
    video = probe.picture_stream(container)
    if video is None or video.start_time is None:
        return None
    return Fraction(video.start_time * video.time_base)


def _without_head(frame: Any, count: int) -> Any:
    """The frame without its first `count` samples: what was recorded before the picture began."""
    array = frame.to_ndarray()
    array = array[:, count * (1 if frame.format.is_planar else frame.layout.nb_channels) :]
    cut = av.AudioFrame.from_ndarray(np.ascontiguousarray(array), frame.format.name, frame.layout.name)
    cut.sample_rate = frame.sample_rate
    return cut
