"""The frames of a shot's picture in the film's own time: decoded, held, and described for scaling."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np

from filmforge.editing import probe
from filmforge.editing.conform import frames_covered, held_at_times, source_index
from filmforge.editing.enlarge import FACTOR, WORTH_IT, enlarged
from filmforge.editing.ffmpeg import THREADS
from filmforge.editing.memory import refuse_if_none_left, refuse_if_short
from filmforge.errors import MediaError

Fit = Literal["fill", "fit"]


@dataclass(frozen=True, slots=True)
class Picture:
    """What a segment shows: a lossless render, a plate, or footage.

    `fps` is the source's own rate and `frames` how many frames it has; `first` says how many frames, at the
    film's rate, into the source the segment begins. `fit='fill'` covers the film's picture and crops what
    hangs over, `fit='fit'` shows all of it between black bars.
    """

    path: Path
    fps: Fraction
    frames: int
    first: int = 0
    fit: Fit = "fill"


@dataclass(frozen=True, slots=True)
class RawFormat:
    """How the piped frames are laid out, and what their numbers mean in colour (FFmpeg's names)."""

    width: int
    height: int
    pixels: str
    aspect: Fraction
    rotation: int
    full_range: bool
    matrix: str
    transfer: str
    primaries: str


# Formats whose planes are piped as they are: planar, and read by every filter. All others become one of them.
_PLANAR = {f"yuv{s}p{d}" for s in ("420", "422", "444") for d in ("", "10le", "12le")} | {"gray", "gbrp"}

_MATRICES = {
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    9: "bt2020nc",
    10: "bt2020nc",
}
_HDR = {16: "smpte2084", 18: "arib-std-b67"}
_PRIMARIES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", 12: "smpte432"}

# Below this, decoding from the start costs less than a seek can go wrong.
_SEEK_FROM = 100


class ConformedFrames:
    """`count` frames of `picture` at the film's rate, as raw bytes, one film frame at a time.

    `layout` is known before the first is read. A picture far smaller than the film's `size`, as a small model
    draws it, is enlarged on the way (see `enlarge.py`). Raises MediaError when the source is shorter than
    asked.
    """

    def __init__(self, picture: Picture, count: int, film_fps: Fraction, size: tuple[int, int]) -> None:
        self._picture, self._count, self._film_fps = picture, count, film_fps
        with probe.opened(picture.path) as container:
            stream = probe.picture_stream(container)
            if stream is None:
                raise MediaError(f"{picture.path}: has no picture")
            self._times = probe.timeline(container, stream)
            self._lossless = stream.codec_context.name == "ffv1"
            if not self._times.frames:
                refuse_if_none_left(picture.path, size[0] * size[1])
                raise MediaError(f"{picture.path}: has no frames; export it again")
        for frame in _decode(picture.path):
            self.layout = _describe(frame, picture.path)
            break
        else:
            raise MediaError(f"{picture.path}: none of its frames can be decoded; export it again")
        self._source_layout = self.layout
        across, down = size[0] / self.layout.width, size[1] / self.layout.height
        self._enlarge = self.layout.pixels == "rgb24" and min(across, down) >= WORTH_IT
        if self._enlarge:
            larger = self.layout.width * FACTOR, self.layout.height * FACTOR
            self.layout = replace(self.layout, width=larger[0], height=larger[1])

    def __iter__(self) -> Iterator[bytes]:
        picture, times = self._picture, self._times
        end = picture.first + self._count
        if times.frames == 1:  # a picture that does not move lasts as long as it is wanted
            return self._held([0] * self._count)
        if times.vfr:
            instants = [(tick - times.ticks[0]) * times.time_base for tick in times.ticks]
            # A container's clock rounds: half its tick is forgiven, but never enough to matter to the eye.
            forgiven = min(times.time_base / 2, Fraction(1, 1500))
            wanted = held_at_times(self._count, self._film_fps, instants, picture.first, forgiven)
            covered = math.ceil(times.duration * self._film_fps)
        else:
            rate = picture.fps
            wanted = (source_index(n, self._film_fps, rate, picture.first) for n in range(self._count))
            covered = frames_covered(times.frames, self._film_fps, rate)
        # One frame more is forgiven, as lengths in seconds round; the last is held for it.
        if end > covered + 1:
            raise MediaError(
                f"{picture.path}: {end} film frames were asked of it, and it lasts for {covered}; "
                "trim less, or make the shot shorter"
            )
        return self._held(wanted)

    def _held(self, wanted: Iterable[int]) -> Iterator[bytes]:
        """The bytes of each wanted source frame; for one that the decoder left out, the one before it."""
        frames: Iterator[tuple[int, av.VideoFrame]] | None = None
        current: tuple[int, av.VideoFrame] | None = None
        ahead: tuple[int, av.VideoFrame] | None = None
        raw, raw_index, missed = b"", -1, -1
        for index in wanted:
            if frames is None:
                frames = self._numbered(index)
                current = next(frames, None)
                if current is None or (current[0] > index and index > 0):
                    frames = self._numbered(0)  # the seek overshot: begin at the beginning
                    current = next(frames, None)
                ahead = next(frames, None)
            while ahead is not None and ahead[0] <= index:
                current, ahead = ahead, next(frames, None)
            assert current is not None
            if current[0] < index and missed != current[0]:
                missed = current[0]
                self._left_out(index)
            if current[0] != raw_index:
                raw, raw_index = self._bytes(current[1]), current[0]
            yield raw

    def _left_out(self, index: int) -> None:
        """Raise MediaError unless frame `index`, which the decoder left out, may be passed over as players do."""
        path, layout = self._picture.path, self._source_layout
        refuse_if_none_left(path, layout.width * layout.height)
        if self._lossless:  # every frame stands for itself: none is missing but by damage
            raise MediaError(f"{path}: its frame {index} cannot be read; delete it, or export it again")

    def _bytes(self, frame: av.VideoFrame) -> bytes:
        layout = self._source_layout
        raw = _raw(frame, layout)
        if not self._enlarge:
            return raw
        return enlarged(np.frombuffer(raw, np.uint8).reshape(layout.height, layout.width, 3)).tobytes()

    def _numbered(self, index: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decoded frames with their numbers in display order, from one at or before `index`."""
        ticks = self._times.ticks
        if not ticks:
            yield from enumerate(_decode(self._picture.path))
            return
        seek = ticks[min(index, len(ticks) - 1)] if index >= _SEEK_FROM else None
        for frame in _decode(self._picture.path, seek):
            if frame.pts is not None:
                yield max(0, bisect_right(ticks, frame.pts) - 1), frame


def _decode(path: Path, seek: int | None = None) -> Iterator[av.VideoFrame]:
    """Frames in display order; packets that do not decode are passed over, as players do."""
    with probe.opened(path) as container:
        stream: Any = probe.picture_stream(container)
        stream.codec_context.thread_count = THREADS
        stream.thread_type = "AUTO"
        if seek is not None:
            container.seek(seek, stream=stream, backward=True)
        try:
            for packet in container.demux(stream):
                try:
                    yield from packet.decode()
                except probe.UNREADABLE as reason:
                    refuse_if_short(path, stream, reason)
        except probe.UNREADABLE as reason:  # cut off: what was there before counts
            refuse_if_short(path, stream, reason)


def _describe(frame: av.VideoFrame, path: Path) -> RawFormat:
    name, format_ = frame.format.name, frame.format
    rgb = format_.is_rgb or name == "pal8"
    if name in _PLANAR:
        pixels = name
    elif name.startswith("yuvj"):
        pixels = name.replace("yuvj", "yuv")
    elif rgb or _has_alpha(name):
        pixels, rgb = "rgb24", True
    else:
        pixels = "yuv444p10le" if any(c.bits > 8 for c in format_.components) else "yuv444p"
    with probe.opened(path) as container:
        aspect = probe.pixel_aspect(probe.picture_stream(container))
    # A file that does not say is taken as players take it: high definition is BT.709, less is BT.601.
    guess = "bt709" if frame.height >= 720 else "smpte170m"
    return RawFormat(
        frame.width,
        frame.height,
        pixels,
        aspect,
        int(frame.rotation) % 360,
        rgb or name.startswith("yuvj") or name == "gray" or int(frame.color_range) == 2,
        "gbr" if rgb or pixels == "gbrp" else _MATRICES.get(int(frame.colorspace), guess),
        _HDR.get(int(frame.color_trc), "bt709"),
        _PRIMARIES.get(int(frame.color_primaries), "bt709"),
    )


def _has_alpha(name: str) -> bool:
    return name.startswith(("yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8"))


def _raw(frame: av.VideoFrame, layout: RawFormat) -> bytes:
    """The frame's bytes without the padding of its rows, in the layout that was announced."""
    if _has_alpha(frame.format.name):
        rgba = frame.to_ndarray(format="rgba", width=layout.width, height=layout.height)
        over_black = rgba[..., :3].astype(np.uint16) * rgba[..., 3:]
        return ((over_black + 127) // 255).astype(np.uint8).tobytes()
    same = frame.format.name.replace("yuvj", "yuv") == layout.pixels
    if not same or (frame.width, frame.height) != (layout.width, layout.height):
        frame = frame.reformat(layout.width, layout.height, layout.pixels)
    rows = []
    for plane in frame.planes:
        bits = max(c.bits for c in frame.format.components)
        row = plane.width * (2 if bits > 8 else 1) * (3 if layout.pixels == "rgb24" else 1)
        rows.append(
            np.frombuffer(memoryview(plane), np.uint8)
            .reshape(plane.height, plane.line_size)[:, :row]
            .tobytes()
        )
    return b"".join(rows)
