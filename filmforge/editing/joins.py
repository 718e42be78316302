"""Encodes the frames in which two shots overlap, a dissolve or a wipe, as a segment of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from filmforge.editing.captions import Caption
from filmforge.editing.codecs import Size, codec_named
from filmforge.editing.ffmpeg import transform
from filmforge.editing.filters import conform_filters, grade_filters, rgb_filters, to_rgb_filters
from filmforge.editing.frames import Frame
from filmforge.editing.grade import install_grade
from filmforge.editing.pictures import ConformedFrames, Picture
from filmforge.editing.plates import clip_of, seconds_at
from filmforge.editing.segment import Progress, RawInput, encode

Kind = Literal["dissolve", "wipe"]

_DEEP = "yuv444p10le"
"""What pictures are scaled and graded in before they are mixed: fine enough to lose nothing to the detour."""


def encode_join(
    out: Path,
    a: Picture,
    b: Picture,
    *,
    count: int,
    kind: Kind,
    size: Size,
    fps: Fraction,
    codec: str = "h264",
    quality: int = 18,
    grade_a: Path | None = None,
    grade_b: Path | None = None,
    captions: Sequence[Caption] = (),
    on_frame: Progress | None = None,
) -> None:
    """Encode the `count` film frames in which `a` gives way to `b`; see `segment.encode_segment` for the
    rest.

    Frame n shows `b` with a share of (n + 1) / (count + 1): neither end repeats a frame of the shots beside
    it. A dissolve mixes; a wipe moves a soft edge from left to right.
    """
    if kind not in ("dissolve", "wipe"):
        raise ValueError(f"no join is called {kind!r}; there are dissolve and wipe")
    with tempfile.TemporaryDirectory(prefix="join-", dir=out.parent) as temporary:
        folder = Path(temporary)
        (folder / "a").mkdir()
        (folder / "b").mkdir()
        before = _film_frames(a, count, size, fps, grade_a, folder / "a")
        after = _film_frames(b, count, size, fps, grade_b, folder / "b")
        mixed = _composed(before, after, count=count, kind=kind, size=size, fps=fps, on_frame=on_frame)
        kind_of_file = codec_named(codec)
        encode(
            out, mixed, RawInput("rgb24", size), rgb_filters(kind_of_file.pixels),
            count=count, size=size, fps=fps, codec=kind_of_file, quality=quality,
            captions=captions, fade=None, folder=folder,
        )  # fmt: skip


def _film_frames(
    picture: Picture, count: int, size: Size, fps: Fraction, grade: Path | None, folder: Path
) -> Generator[Frame]:
    """`count` frames of `picture` at the film's size, graded, as RGB."""
    frames = ConformedFrames(picture, count, fps, size)
    layout = frames.layout
    chain = conform_filters(layout, size, picture.fit, _DEEP)
    if grade is not None:
        chain += grade_filters(install_grade(grade, folder), _DEEP)
    arguments = [
        *("-loglevel", "error", "-f", "rawvideo", "-pix_fmt", layout.pixels),
        *("-s", f"{layout.width}x{layout.height}", "-r", str(fps), "-i", "pipe:0"),
        *("-vf", ",".join([*chain, *to_rgb_filters()]), "-fps_mode", "passthrough"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"),
    ]
    width, height = size
    for raw in transform(
        arguments, frames, size=width * height * 3, folder=folder, what=f"{picture.path.name} in a join"
    ):
        yield np.frombuffer(raw, np.uint8).reshape(height, width, 3)


def _composed(
    before: Generator[Frame],
    after: Generator[Frame],
    *,
    count: int,
    kind: Kind,
    size: Size,
    fps: Fraction,
    on_frame: Progress | None,
) -> Iterator[bytes]:
    from moviepy import CompositeVideoClip

    under = clip_of(_in_order(before), size, count, fps)
    over = clip_of(_in_order(after), size, count, fps)
    over = over.with_mask(_mask(count, kind, size, fps))
    film = CompositeVideoClip([under, over], size=size, use_bgclip=True)
    try:
        for n in range(count):
            yield np.ascontiguousarray(film.get_frame(seconds_at(n, fps))).tobytes()
            if on_frame is not None:
                on_frame(n + 1, count)
    finally:
        before.close()  # their FFmpeg ends with them
        after.close()


def _in_order(frames: Iterator[Frame]) -> Callable[[int], Frame]:
    """Frames by number, from an iterator that gives each once; MoviePy may ask for the same again."""
    held: list[tuple[int, Frame]] = []

    def at(n: int) -> Frame:
        while not held or held[0][0] < n:
            held[:] = [(held[0][0] + 1 if held else 0, next(frames))]
        return held[0][1]

    return at


def _mask(count: int, kind: Kind, size: Size, fps: Fraction) -> object:
    """How much of the second shot shows: a MoviePy mask, values 0 to 1."""
    from moviepy import VideoClip

    width, height = size
    across = (np.arange(width) + 0.5) / width
    edge = 0.05  # how soft a wipe's edge is, as a share of the width

    def shares(t: float) -> NDArray[np.float64]:
        share = (int(t * float(fps)) + 1) / (count + 1)
        if kind == "dissolve":
            return np.full((height, width), share)
        row = np.clip((share * (1 + edge) - across) / edge, 0.0, 1.0)
        return np.broadcast_to(row, (height, width)).copy()

    mask = VideoClip(is_mask=True, duration=float(count / Fraction(fps)))
    mask.size = size
    mask.frame_function = shares
    return mask
