"""Encodes one closed piece of the cut: conformed, graded, faded, captioned, and of exactly so many frames."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from filmforge.editing.captions import Caption, caption_image
from filmforge.editing.codecs import Codec, Size, codec_named, encoder_arguments
from filmforge.editing.ffmpeg import Chunk, consume
from filmforge.editing.filters import conform_filters, grade_filters
from filmforge.editing.grade import install_grade
from filmforge.editing.pictures import ConformedFrames, Picture

Progress = Callable[[int, int], None]
"""Called with (frames done, frames in all)."""


@dataclass(frozen=True, slots=True)
class Fade:
    """Frames at the head that come up from black, and at the tail that go down to it."""

    head: int = 0
    tail: int = 0


def encode_segment(
    out: Path,
    picture: Picture,
    *,
    count: int,
    size: Size,
    fps: Fraction,
    codec: str = "h264",
    quality: int = 18,
    grade: Path | None = None,
    captions: Sequence[Caption] = (),
    fade: Fade | None = None,
    on_frame: Progress | None = None,
) -> None:
    """Encode `count` film frames of `picture` to `out`, ready to be joined with the film's other segments.

    `captions` are burnt in, their frames counted from the segment's first. `grade` is a .cube file. `size` is
    the film's (width, height), even numbers. Raises MediaError when the picture is shorter than `count`,
    cannot be decoded, or cannot be encoded; nothing is left under `out` then.
    """
    kind = codec_named(codec)
    frames = ConformedFrames(picture, count, fps, size)
    layout = frames.layout
    with tempfile.TemporaryDirectory(prefix="segment-", dir=out.parent) as temporary:
        folder = Path(temporary)
        chain = conform_filters(layout, size, picture.fit, kind.pixels)
        if grade is not None:
            chain += grade_filters(install_grade(grade, folder), kind.pixels)
        raw = RawInput(layout.pixels, (layout.width, layout.height))
        encode(
            out, _counted(frames, count, on_frame), raw, chain,
            count=count, size=size, fps=fps, codec=kind, quality=quality,
            captions=captions, fade=fade, folder=folder,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RawInput:
    """The layout of the frames that are piped in."""

    pixels: str
    size: Size


def encode(
    out: Path,
    chunks: Iterable[Chunk],
    raw: RawInput,
    chain: Sequence[str],
    *,
    count: int,
    size: Size,
    fps: Fraction,
    codec: Codec,
    quality: int,
    captions: Sequence[Caption],
    fade: Fade | None,
    folder: Path,
) -> None:
    """Pipe `chunks` through `chain`, fades and captions into an encoder, and move the whole result to `out`.

    `chain` are filters that leave frames at the film's size in the codec's pixels, BT.709; `folder` holds the
    files that they name.
    """
    if size[0] % 2 or size[1] % 2:
        raise ValueError(f"a film of {size[0]}x{size[1]} cannot be encoded: width and height must be even")
    fades = []
    if fade is not None and fade.head:
        fades.append(f"fade=t=in:s=0:n={fade.head}")
    if fade is not None and fade.tail:
        fades.append(f"fade=t=out:s={count - fade.tail}:n={fade.tail}")
    inputs: list[str] = []
    graph = f"[0:v]{','.join([*chain, *fades])}[p0]"
    shown = [caption for caption in captions if caption.first < count and caption.last > 0]
    for number, caption in enumerate(shown):
        image, (x, y) = caption_image(caption.text, size)
        image.save(folder / f"caption{number}.png")
        inputs += ["-i", f"caption{number}.png"]
        when = f"enable='between(n,{caption.first},{caption.last - 1})'"
        laid = f"overlay=x={x}:y={y}:format=auto:eof_action=repeat:{when}"
        graph += f";[p{number}][{number + 1}:v]{laid}[p{number + 1}]"
    width, height = raw.size
    consume(
        [
            *(
                "-loglevel",
                "error",
                "-f",
                "rawvideo",
                "-pix_fmt",
                raw.pixels,
                "-s",
                f"{width}x{height}",
                "-r",
                str(fps),
                "-i",
                "pipe:0",
            ),
            *inputs,
            *("-filter_complex", graph, "-map", f"[p{len(shown)}]", "-frames:v", str(count), "-an"),
            *encoder_arguments(codec, fps, quality),
            "segment",
        ],
        chunks,
        folder=folder,
        what=out.name,
    )
    check_segment(folder / "segment", out.name, count)
    (folder / "segment").replace(out)


def check_segment(path: Path, name: str, count: int) -> None:
    """Raise MediaError unless the encoded file holds exactly `count` frames."""
    from filmforge.editing.assemble import frame_count
    from filmforge.errors import MediaError

    got = frame_count(path)
    if got != count:
        raise MediaError(
            f"{name}: {got} frames were encoded where {count} were due; this is a defect, please report it"
        )


def _counted(chunks: Iterable[bytes], count: int, on_frame: Progress | None) -> Iterator[bytes]:
    for done, chunk in enumerate(chunks, 1):
        yield chunk
        if on_frame is not None:
            on_frame(done, count)
