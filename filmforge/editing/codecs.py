"""What a film is delivered as: the encoder options that all its segments share, and the container."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from filmforge.editing.ffmpeg import THREADS

Size = tuple[int, int]
"""Width, height in pixels."""

_TAGS = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv")


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec that films are delivered in.

    `suffix` and `container` (PyAV's name of the muxer) hold for segments and the delivered file alike;
    `sound` is the audio encoder of the delivered file.
    """

    name: str
    suffix: str
    container: str
    pixels: str
    sound: str


H264 = Codec("h264", ".mp4", "mp4", "yuv420p", "aac")
PRORES = Codec("prores", ".mov", "mov", "yuv422p10le", "pcm_s24le")

CODECS = {codec.name: codec for codec in (H264, PRORES)}


def codec_named(name: str) -> Codec:
    """The codec called `name`. Raises ValueError naming those there are."""
    try:
        return CODECS[name]
    except KeyError:
        raise ValueError(f"no codec is called {name!r}; there are {', '.join(CODECS)}") from None


def encoder_arguments(codec: Codec, fps: Fraction, quality: int) -> list[str]:
    """FFmpeg's output options for one segment. `quality` is x264's CRF, 1 (best) to 51; ProRes has none.

    What joins by stream copy must have byte-equal parameter sets, whatever the shot: `stitchable` keeps x264
    from tuning the headers to the content, and the colour tags are part of them. Without B-frames a packet is
    shown in the order in which it is stored, so that segments of one frame join like any other.
    """
    if codec.name == "prores":
        encoder = ["-c:v", "prores_ks", "-profile:v", "hq", "-vendor", "apl0", "-bits_per_mb", "8000"]
    else:
        if not 1 <= quality <= 51:
            raise ValueError(f"quality {quality} is not from 1 (best) to 51")
        every_two_seconds = max(1, round(2 * fps))
        encoder = ["-c:v", "libx264", "-preset", "fast", "-profile:v", "high", "-crf", str(quality)]
        encoder += ["-x264-params", f"stitchable=1:bframes=0:open-gop=0:keyint={every_two_seconds}"]
        encoder += [
            "-bsf:v",
            "filter_units=remove_types=6",
        ]  # the encoder's signature: a kilobyte in every segment
    return [
        *encoder,
        *("-pix_fmt", codec.pixels, "-threads", str(THREADS), *_TAGS),
        *("-flags:v", "+bitexact", "-fflags", "+bitexact", "-map_metadata", "-1"),
        *("-fps_mode", "passthrough", "-f", codec.container),
    ]
