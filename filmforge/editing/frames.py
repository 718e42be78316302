"""Lossless pictures on disk: FFV1 in Matroska, written once, read back by frame number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from filmforge.editing.ffmpeg import THREADS
from filmforge.editing.memory import refuse_if_none_left, refuse_if_short
from filmforge.editing.probe import UNREADABLE
from filmforge.errors import MediaError

Frame = NDArray[np.uint8]
"""One picture: height x width x 3, RGB, 0 to 255."""

SUFFIX = ".mkv"

# Every frame is a picture of its own (g=1), so that frame n is the n-th packet; the slices are fixed because
# they are part of the bytes, unlike the number of threads that code them.
_FFV1 = {"level": "3", "g": "1", "slices": "4", "slicecrc": "1", "context": "0"}


class FrameWriter:
    """Writes frames to `path`, in order, without loss; the same frames give the same bytes.

    A context manager: the file appears under its name when the block ends well, and not at all otherwise.
    `size` is (width, height) in pixels, `fps` the rate that the file declares. Raises MediaError when a frame
    has another shape, when none was written, or when the disk is full.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: Fraction) -> None:
        self.count = 0
        self._path, self._size = path, size
        self._part = path.with_name(path.name + ".part")
        self._tick = 1 / Fraction(fps)
        self._container = av.open(str(self._part), "w", format="matroska", options={"fflags": "+bitexact"})
        self._stream = self._container.add_stream("ffv1", rate=Fraction(fps), options=_FFV1)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "bgr0"
        self._stream.codec_context.thread_count = THREADS
        self._stream.codec_context.time_base = self._tick

    def write(self, frame: Frame) -> None:
        """Append one frame: uint8, height x width x 3, RGB."""
        width, height = self._size
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            raise MediaError(
                f"{self._path.name}: frame {self.count} is {frame.shape} of {frame.dtype}, "
                f"not {height} x {width} x 3 of uint8"
            )
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24").reformat(
            format="bgr0"
        )
        picture.pts, picture.time_base = self.count, self._tick
        self._mux(picture)
        self.count += 1

    def _mux(self, picture: av.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(picture))
        except OSError as reason:
            raise MediaError(f"{self._path}: cannot be written: {reason.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                if not self.count:
                    raise MediaError(f"{self._path.name}: no frame was written")
                self._mux(None)
                self._container.close()
                self._part.replace(self._path)
        except OSError as reason:
            raise MediaError(f"{self._path}: cannot be written: {reason.strerror}") from None
        finally:
            with suppress(OSError):
                self._container.close()
            self._part.unlink(missing_ok=True)


def write_frames(path: Path, frames: NDArray[np.uint8], fps: Fraction) -> None:
    """Write `frames` (count x height x width x 3, RGB) to `path`; see FrameWriter."""
    with FrameWriter(path, (frames.shape[2], frames.shape[1]), fps) as writer:
        for frame in frames:
            writer.write(frame)


def read_frames(path: Path, start: int = 0, count: int | None = None) -> Iterator[Frame]:
    """Frames `start` to `start + count` (to the end when None) of a file that FrameWriter wrote, one at a
    time.

    Raises MediaError when the file holds fewer, or is not one of ours.
    """
    end = None if count is None else start + count
    for picture in _decode(path, start, end):
        yield np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)


def count_frames(path: Path) -> int:
    """How many frames the file holds, by counting its packets."""
    with _open(path) as container:
        return sum(1 for packet in container.demux(container.streams.video[0]) if packet.size)


def frame_png(path: Path, index: int, out: Path) -> None:
    """Write frame `index` of `path` to `out` as PNG. A negative index counts from the end, as in a list."""
    from PIL import Image

    if index < 0:
        index += count_frames(path)
    part = out.with_name(out.name + ".part")
    for frame in read_frames(path, index, 1):
        Image.fromarray(frame).save(part, format="PNG")
        part.replace(out)


def _decode(path: Path, start: int, end: int | None) -> Iterator[av.VideoFrame]:
    """Decode packets `start` to `end` only: each is a whole frame, so the others are passed over unread."""
    if start < 0:
        raise ValueError(f"frame {start} is before the first")
    seen = given = 0
    with _open(path) as container:
        stream: Any = container.streams.video[0]
        stream.codec_context.thread_count = THREADS
        stream.codec_context.thread_type = "SLICE"
        held = round(Fraction(container.duration or 0, av.time_base) * Fraction(stream.average_rate or 0))
        try:
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                seen += 1
                if seen <= start:
                    continue
                if end is not None and seen > end:
                    break
                for picture in packet.decode():
                    given += 1
                    yield picture
        except UNREADABLE as reason:
            refuse_if_short(path, stream, reason)
            raise MediaError(
                f"{path.name}: its frame {start + given} does not decode ({reason}); delete it, and build again"
            ) from reason
        if given < (held if end is None else min(end, held)) - start:
            refuse_if_none_left(path, stream.codec_context.width * stream.codec_context.height)
        if end is None and given < held - start:
            raise MediaError(
                f"{path.name}: of its {held} frames only {seen} can be read; delete it, and build again"
            )
    if end is not None and given < end - start:
        last = "none" if not seen else f"{seen} (0 to {seen - 1})"
        raise MediaError(f"{path.name}: frames {start} to {end} were asked for; it has {last}")


def _open(path: Path) -> Any:
    try:
        container = av.open(str(path), format="matroska", options={"protocol_whitelist": "file"})
    except UNREADABLE as reason:
        raise MediaError(f"{path}: cannot be read as lossless frames: {reason}") from None
    if not container.streams.video or container.streams.video[0].codec_context.name != "ffv1":
        container.close()
        raise MediaError(f"{path}: holds no lossless frames; delete it, and build again")
    return container
