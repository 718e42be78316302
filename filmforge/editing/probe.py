"""What a media file of the user's is: its kind, size, rate, length and sound, or why it cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Self

import av
import av.error

from filmforge.editing.memory import refuse_if_none_left, refuse_if_short, too_little
from filmforge.editing.picture_check import check_image, is_image
from filmforge.errors import MediaError

# What opens is decided here, before FFmpeg's libraries look at the file: formats that hold their pictures and
# sound themselves. Those that name other files or addresses (playlists, DASH, concat scripts, SDP, image
# sequences) are out.
_FORMATS = (
    "3g2,3gp,aac,ac3,aiff,amr,ape,asf,au,avi,av1,caf,dirac,dts,dv,eac3,flac,flv,gif,gxf,h264,hevc,ivf,m4a,m4v,"
    "matroska,mj2,mov,mp3,mp4,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,tta,vc1,voc,vvc,w64,wav,webm,wv,yuv4mpegpipe"
)

_SCRIPTS = {
    b"#EXTM3U": "an m3u playlist",
    b"#EXTINF": "an m3u playlist",
    b"ffconcat": "an FFmpeg concat script",
    b"file '": "an FFmpeg concat script",
    b"[playlist]": "a playlist",
    b"[Reference]": "a playlist",
    b"<asx": "a playlist",
    b"<ASX": "a playlist",
    b"<?xml": "an XML document",
    b"<MPD": "a DASH playlist",
    b"<smil": "a SMIL playlist",
    b"v=0": "an SDP description",
    b"http": "a list of addresses",
    b"rtsp": "a list of addresses",
    b"version https://git-lfs": "a Git LFS pointer whose file was not fetched (run 'git lfs pull')",
}

UNREADABLE = (av.error.FFmpegError, OSError, ValueError)
"""What PyAV raises for files that it cannot read."""

_STANDARD_RATES = (
    *(Fraction(n) for n in (8, 10, 12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)),
    *(Fraction(n * 1000, 1001) for n in (12, 15, 24, 30, 48, 60, 120, 240)),
)


@dataclass(frozen=True, slots=True)
class Media:
    """A file as it will be used.

    `width` and `height` are of the upright picture with square pixels; `frames` counts what is shown; `fps`
    is the average when `vfr` (frames that last unequally). `duration` is the picture's in seconds, the
    sound's when there is no picture. `samples` counts the sound's at `sample_rate`. What does not apply is 0
    or ''.
    """

    kind: Literal["video", "image", "audio"]
    width: int = 0
    height: int = 0
    frames: int = 0
    fps: Fraction = Fraction(0)
    duration: Fraction = Fraction(0)
    has_audio: bool = False
    sample_rate: int = 0
    channels: int = 0
    samples: int = 0
    vfr: bool = False
    codec: str = ""

    def to_json(self) -> str:
        """The same facts as a JSON document, fractions written '24000/1001'."""
        facts = {k: str(v) if isinstance(v, Fraction) else v for k, v in asdict(self).items()}
        return json.dumps({"schema": "filmforge.media/1", **facts}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        facts: dict[str, Any] = json.loads(text)
        if facts.pop("schema", None) != "filmforge.media/1":
            raise ValueError("not a filmforge.media/1 document")
        fractions = {f.name for f in fields(cls) if f.type == "Fraction"}
        return cls(**facts | {name: Fraction(facts[name]) for name in fractions & facts.keys()})


def glance(path: Path) -> tuple[Literal["video", "image", "audio"], bool]:
    """What kind of file it is, and whether there is sound in it, as its head and its first picture or sound say.

    Takes no longer for a long film than for a short one. Raises MediaError as `probe` does, but for what only the
    whole file shows.
    """
    if is_image(path):
        check_image(path)
        return "image", False
    with opened(path) as container:
        video, audio = _streams(path, container)
        sound = audio is not None and bool(audio.codec_context.sample_rate)
    if video is None:
        _first(path, sound_stream, "sound")
        return "audio", sound
    _first(path, picture_stream, "picture")
    return "video", sound


def probe(path: Path) -> Media:
    """Look at the whole file: count its frames, measure its rate, decode its first picture or sound.

    Raises MediaError, naming the file and the remedy, for what is no media, is damaged from the start, has
    neither picture nor sound, or names other files (a playlist).
    """
    if is_image(path):
        width, height = check_image(path)
        return Media("image", width, height, frames=1, codec="image")
    with opened(path) as container:
        video, audio = _streams(path, container)
        shown = timeline(container, video, audio)
        rate = audio.codec_context.sample_rate if audio is not None else 0
        sound: dict[str, Any] = {}
        if audio is not None and shown.samples and rate:
            sound = {"has_audio": True, "sample_rate": rate, "samples": shown.samples}
            sound["channels"] = audio.codec_context.channels
        chosen: Any = video if video is not None else audio
        codec = chosen.codec_context.name
    if video is None:
        if not sound:
            raise MediaError(f"{path}: has no sound in it; export it again")
        _first(path, sound_stream, "sound")
        return Media("audio", duration=Fraction(shown.samples, rate), codec=codec, **sound)
    if not shown.frames:
        refuse_if_none_left(path, 0)
        raise MediaError(f"{path}: has no frames; export it again")
    width, height = _first(path, picture_stream, "picture")
    return Media(
        "video",
        width,
        height,
        frames=shown.frames,
        fps=shown.fps,
        duration=shown.duration,
        vfr=shown.vfr,
        codec=codec,
        **sound,
    )


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file as a PyAV input container, opened only as a format that holds its own pictures and sound."""
    refuse_scripts(path)
    try:
        container = av.open(
            f"file:{path.resolve()}",
            options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except MemoryError as reason:
        raise too_little(path) from reason
    except UNREADABLE as reason:
        raise MediaError(
            f"{path}: is not a video or audio file that can be read ({_plain(reason)}); export it again, "
            "for instance as MP4, or as WAV for sound"
        ) from None
    try:
        yield container
    except MemoryError as reason:
        raise too_little(path) from reason
    finally:
        container.close()


def refuse_scripts(path: Path) -> None:
    """Raise MediaError for what is missing, no file, empty, or text that names other files."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except IsADirectoryError:
        raise MediaError(f"{path}: is a folder, not a media file") from None
    except OSError as reason:
        raise MediaError(f"{path}: cannot be read: {reason.strerror}") from None
    if not head:
        raise MediaError(f"{path}: is empty; put the real file in its place")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, what in _SCRIPTS.items():
        if start.startswith(magic):
            raise MediaError(f"{path}: is {what}, not a media file; name the media file itself")


def _streams(path: Path, container: Any) -> tuple[Any | None, Any | None]:
    """The streams of picture and sound, of which there is at least one."""
    video, audio = picture_stream(container), sound_stream(container)
    if video is None and audio is None:
        raise MediaError(f"{path}: has neither picture nor sound; use a video, an audio file or a photo")
    return video, audio


def picture_stream(container: Any) -> Any | None:
    """The stream with the moving picture; cover art does not count."""
    for stream in container.streams.video:
        if (
            not stream.disposition & stream.disposition.__class__.attached_pic
            and stream.codec_context is not None
        ):
            return stream
    return None


def sound_stream(container: Any) -> Any | None:
    """The first stream of sound, or None."""
    return next((s for s in container.streams.audio if s.codec_context is not None), None)


@dataclass(frozen=True, slots=True)
class Timeline:
    """When frames appear: `ticks`, ascending, in the stream's `time_base`; empty when not recorded."""

    frames: int
    fps: Fraction
    vfr: bool
    duration: Fraction
    ticks: tuple[int, ...]
    time_base: Fraction
    samples: int = 0


def timeline(container: Any, video: Any | None, audio: Any | None = None) -> Timeline:
    """Read every packet (decoding none) and say when its frames are shown and how much sound there is."""
    streams = [s for s in (video, audio) if s is not None]
    ticks: list[int] = []
    frames = longest = sound_ticks = 0
    for packet in _packets(container, streams):
        if not packet.size or packet.is_discard or packet.is_corrupt:
            continue
        if packet.stream is video:
            frames += 1
            longest = max(longest, packet.duration or 0)
            if packet.pts is not None:
                ticks.append(packet.pts)
        else:
            sound_ticks += packet.duration or 0
    samples = 0
    if audio is not None and audio.codec_context.sample_rate:
        samples = round(sound_ticks * audio.time_base * audio.codec_context.sample_rate)
        if not samples and audio.duration:
            samples = round(audio.duration * audio.time_base * audio.codec_context.sample_rate)
    if video is None:
        return Timeline(0, Fraction(0), False, Fraction(0), (), Fraction(1), samples)
    ticks.sort()
    declared = Fraction(video.guessed_rate or video.average_rate or video.base_rate or 24)
    if len(ticks) != frames or len(set(ticks)) != frames:
        return Timeline(frames, declared, False, frames / declared, (), Fraction(video.time_base), samples)
    base = Fraction(video.time_base)
    constant = _constant_rate(ticks, base, declared)
    if constant is not None:
        return Timeline(frames, constant, False, frames / constant, tuple(ticks), base, samples)
    span = (ticks[-1] - ticks[0]) * base
    average = ((frames - 1) / span).limit_denominator(1001)
    return Timeline(
        frames, average, True, span + (longest * base or 1 / average), tuple(ticks), base, samples
    )


def _constant_rate(ticks: list[int], base: Fraction, declared: Fraction) -> Fraction | None:
    """The rate at which every frame appears within a tick of its due time, or None."""
    if len(ticks) < 2:
        return declared
    measured = (len(ticks) - 1) / ((ticks[-1] - ticks[0]) * base)
    near = [r for r in (declared, *_STANDARD_RATES) if abs(r / measured - 1) < Fraction(1, 200)]
    for rate in sorted(
        {*near, measured}, key=lambda r: (abs(r / measured - 1) > Fraction(1, 2000), r != declared)
    ):
        worst = max(abs((tick - ticks[0]) * base - i / rate) for i, tick in enumerate(ticks))
        if worst <= base:
            return rate
    return None


def _packets(container: Any, streams: list[Any]) -> Iterator[Any]:
    try:
        yield from container.demux(streams)
    except MemoryError:  # one that FFmpeg reports is among the errors below, too
        raise
    except UNREADABLE:
        return  # cut off: what was there before counts


def pixel_aspect(stream: Any) -> Fraction:
    """How wide a pixel is for its height; like all of a stream's facts, to be asked while it is open."""
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    return Fraction(aspect) if aspect > 0 else Fraction(1)


def _first(path: Path, choose: Callable[[Any], Any], what: str) -> tuple[int, int]:
    """Decode the first frame, as proof that one can be; of a picture, its size as shown."""
    reason: Exception | None = None
    with opened(path) as container:
        stream = choose(container)
        for packet in _packets(container, [stream]):
            try:
                for frame in packet.decode():
                    return _upright_size(frame, pixel_aspect(stream)) if what == "picture" else (0, 0)
            except UNREADABLE as failure:
                refuse_if_short(path, stream, failure)
                reason = failure
    cause = f" ({_plain(reason)})" if reason else ""
    raise MediaError(
        f"{path}: its {what} cannot be decoded{cause}; export it again, for instance as H.264 in MP4"
    )


def _upright_size(frame: Any, aspect: Fraction) -> tuple[int, int]:
    """Width and height as shown: turned by the rotation that a phone recorded, with square pixels."""
    width, height = max(1, round(frame.width * aspect)), frame.height
    return (height, width) if frame.rotation % 180 == 90 else (width, height)


def _plain(reason: Exception | None) -> str:
    """What PyAV's exception says, without its error number and address."""
    text = getattr(reason, "strerror", None) or str(reason)
    return str(text).splitlines()[0]
