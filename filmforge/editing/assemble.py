"""Joins the segments of a film, and its sound, into the delivered file: by stream copy, to the frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from filmforge.editing.codecs import Codec, codec_named
from filmforge.editing.probe import UNREADABLE
from filmforge.errors import MediaError

SAMPLE_RATE = 48_000
AAC_BITS = 256_000

_BLOCK = 1024
"""Samples handed to the sound encoder at once: an AAC frame."""


def frame_count(path: Path) -> int:
    """How many frames of picture the file holds, by counting its packets."""
    with _opened(path) as container:
        return sum(1 for packet in container.demux(container.streams.video[0]) if packet.size)


def join(
    out: Path,
    segments: Sequence[Path],
    wav: Path | None,
    *,
    fps: Fraction,
    codec: str = "h264",
    title: str = "",
    on_frame: Callable[[int], None] | None = None,
) -> int:
    """Write the film: the segments one after another without re-encoding, with `wav` (48 kHz stereo) as its
    sound.

    Frame n of the film is shown at exactly n/fps, counted in whole ticks. The sound is encoded in one piece
    (AAC with H.264, 24-bit PCM with ProRes). One segment and one block of sound are in memory at a time.
    Returns the number of frames. Raises MediaError when a segment was not encoded like the first, or the file
    cannot be written; `out` is replaced only by a whole file.
    """
    if not segments:
        raise MediaError(f"{out.name}: there is nothing to join")
    kind = codec_named(codec)
    part = out.with_name(out.name + ".part")
    try:
        frames = _write(part, segments, wav, Fraction(fps), kind, title, on_frame)
        part.replace(out)
        return frames
    except OSError as reason:
        raise MediaError(f"{out}: cannot be written: {reason.strerror or reason}") from None
    finally:
        part.unlink(missing_ok=True)


def _write(
    part: Path,
    segments: Sequence[Path],
    wav: Path | None,
    fps: Fraction,
    codec: Codec,
    title: str,
    on_frame: Callable[[int], None] | None,
) -> int:
    tick = 1 / fps
    # Bit-exact: no encoder's name, no time of day. Faststart: the index first, so that a browser plays at
    # once.
    options = {
        "movflags": "+faststart+write_colr",
        "fflags": "+bitexact",
        "video_track_timescale": str(fps.numerator),
    }
    output: Any = av.open(str(part), "w", format=codec.container, options=options)
    try:
        if shown := "".join(c for c in title if c.isprintable()):
            output.metadata["title"] = shown
        with _opened(segments[0]) as first:
            template = first.streams.video[0]
            picture = output.add_stream_from_template(template)
            picture.time_base = tick
            parameters = _parameters(template)
        sound = _Sound(output, wav, codec) if wav is not None else None
        done = 0
        for segment in segments:
            for packet in _pictures(segment, parameters, segments[0]):
                packet.stream = picture
                packet.time_base = tick
                packet.pts = packet.dts = done
                packet.duration = 1
                output.mux(packet)
                done += 1
                if sound is not None:
                    sound.write_until(done / fps)
                if on_frame is not None:
                    on_frame(done)
        if sound is not None:
            sound.finish(done / fps)
        output.close()
        return done
    finally:
        with suppress(OSError, ValueError):
            output.close()


def _pictures(segment: Path, parameters: tuple[object, ...], like: Path) -> Iterator[Any]:
    """The packets of a segment in the order in which they are shown, and stored."""
    with _opened(segment) as container:
        stream = container.streams.video[0]
        if _parameters(stream) != parameters:
            raise MediaError(
                f"{segment.name} was encoded with other parameters than {like.name}: they cannot be joined; "
                "build again with the same FFmpeg (imageio-ffmpeg) for all segments"
            )
        last = None
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if (
                packet.pts is None
                or (last is not None and packet.pts <= last)
                or (last is None) > packet.is_keyframe
            ):
                raise MediaError(f"{segment.name} is not stored in the order in which it is shown; delete it")
            last = packet.pts
            yield packet


def _parameters(stream: Any) -> tuple[object, ...]:
    context = stream.codec_context
    return (
        context.name, bytes(context.extradata or b""), context.width, context.height, context.pix_fmt,
        context.color_primaries, context.color_trc, context.colorspace, context.color_range,
    )  # fmt: skip


class _Sound:
    """The mix, encoded beside the picture as far as the picture has come."""

    def __init__(self, output: Any, wav: Path, codec: Codec) -> None:
        import soundfile

        try:
            self._file = soundfile.SoundFile(wav)
        except soundfile.LibsndfileError as reason:
            raise MediaError(f"{wav}: cannot be read as a mix: {reason}") from None
        if (self._file.samplerate, self._file.channels) != (SAMPLE_RATE, 2):
            self._file.close()
            raise MediaError(f"{wav}: is not {SAMPLE_RATE} Hz stereo; delete it, and build again")
        self._output, self._pcm = output, codec.sound.startswith("pcm")
        self._stream = output.add_stream(codec.sound, rate=SAMPLE_RATE, layout="stereo")
        self._stream.codec_context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT: no encoder's name in the stream
        if not self._pcm:
            self._stream.bit_rate = AAC_BITS
        self._at = 0

    def write_until(self, seconds: Fraction) -> None:
        """Encode whole blocks up to that time."""
        while self._at + _BLOCK <= seconds * SAMPLE_RATE and self._block(_BLOCK):
            pass

    def finish(self, seconds: Fraction) -> None:
        """Encode what is left, padded or cut to the picture's end, and close."""
        end = -(-seconds.numerator * SAMPLE_RATE // seconds.denominator)
        while self._at < end:
            self._block(min(_BLOCK, end - self._at), pad=True)
        self._output.mux(self._stream.encode(None))
        self._file.close()

    def _block(self, length: int, *, pad: bool = False) -> bool:
        kind, form = ("int32", "s32") if self._pcm else ("float32", "fltp")
        samples = self._file.read(length, dtype=kind, always_2d=True)
        if len(samples) < length:
            if not pad:
                self._file.seek(self._at)
                return False
            samples = np.concatenate([samples, np.zeros((length - len(samples), 2), kind)])
        shaped = samples.reshape(1, -1) if self._pcm else np.ascontiguousarray(samples.T)
        frame = av.AudioFrame.from_ndarray(shaped, format=form, layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, self._at, Fraction(1, SAMPLE_RATE)
        self._output.mux(self._stream.encode(frame))
        self._at += length
        return True


def _opened(path: Path) -> Any:
    try:
        container = av.open(str(path), format="mov", options={"protocol_whitelist": "file"})
    except UNREADABLE as reason:
        raise MediaError(f"{path}: cannot be read as a segment: {reason}") from None
    if not container.streams.video:
        container.close()
        raise MediaError(f"{path}: holds no picture")
    return container
