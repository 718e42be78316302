"""Pictures that are neither rendered nor filmed: stills with a move, title cards, rolling credits."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image, ImageCms, ImageOps

from filmforge.editing import text as typography
from filmforge.editing.codecs import Size
from filmforge.editing.credits import Roll
from filmforge.editing.frames import Frame, FrameWriter
from filmforge.editing.picture_check import FORMATS, check_image

Move = Literal["none", "push in", "pull out", "pan left", "pan right", "tilt up", "tilt down"]
MOVES: tuple[str, ...] = get_args(Move)

Progress = Callable[[int, int], None]

_ZOOM = 1.15
"""How much larger the picture is at the close end of a move: enough to be seen, too little to be soft."""


def still(
    out: Path,
    source: Path,
    *,
    size: Size,
    fps: Fraction,
    count: int,
    move: str = "none",
    on_frame: Progress | None = None,
) -> None:
    """Write `count` frames of the photo at `source`, filling `size`, with a `move` that starts and ends
    gently.

    Each frame is resampled from the whole photo at fractions of a pixel, so that a slow move does not jitter.
    A pan or tilt uses all of a photo that is wider or taller than the film. Raises MediaError for a photo
    that is damaged.
    """
    if move not in MOVES:
        raise ValueError(f"no move is called {move!r}; there are {', '.join(MOVES)}")
    image = photo(source)
    views = [_view(image.size, size, move, _eased(n, count)) for n in range(count)]
    # A photo far larger than the film is reduced once, to twice what the closest view needs.
    need = max(size[0] / (right - left) for left, _, right, _ in views)
    if need < 0.5:
        shrink = need * 2
        smaller = max(1, round(image.width * shrink)), max(1, round(image.height * shrink))
        across, down = smaller[0] / image.width, smaller[1] / image.height
        views = [(a * across, b * down, c * across, d * down) for a, b, c, d in views]
        image = image.resize(smaller, Image.Resampling.BOX)

    def frame(n: int) -> Frame:
        return np.asarray(image.resize(size, Image.Resampling.LANCZOS, box=views[n]))

    if move == "none":
        held = frame(0)
        _compose(out, lambda n: held, size, fps, count, on_frame)
    else:
        _compose(out, frame, size, fps, count, on_frame)


def card(
    out: Path,
    *,
    text: str,
    text_size: int = 72,
    color: str = "white",
    background: str = "black",
    size: Size,
    fps: Fraction,
    count: int,
    on_frame: Progress | None = None,
) -> None:
    """Write `count` frames of a title card: `text` centred in the safe area, smaller than `text_size` pixels
    if it must.

    Colours are names or `#rrggbb`, as Pillow reads them. Raises ValueError for one that it does not know.
    """
    picture = np.asarray(card_image(text, text_size, color, background, size))
    _compose(out, lambda n: picture, size, fps, count, on_frame)


def card_image(text: str, text_size: int, color: str, background: str, size: Size) -> Image.Image:
    """The picture of a title card; see `card`."""
    image = Image.new("RGB", size, background)
    safe = round(size[0] * 0.8), round(size[1] * 0.8)
    setting, lines = typography.fitted(
        typography.clean(text).strip("\n") or " ", "serif", text_size, safe, leading=1.2
    )
    ink = typography.block(lines, setting, leading=1.2)
    image.paste(
        Image.new("RGB", ink.size, color), ((size[0] - ink.width) // 2, (size[1] - ink.height) // 2), ink
    )
    return image


def credits(
    out: Path,
    text: str,
    *,
    text_size: int = 0,
    size: Size,
    fps: Fraction,
    count: int,
    on_frame: Progress | None = None,
) -> None:
    """Write `count` frames of credits that roll at one speed, from below the picture to above it; white on
    black.

    A line `# Heading` is a heading, `role: name` is set in two columns, an empty line is a gap, any other
    line is centred. `text_size` is in pixels; 0 takes one that suits the film's height.
    """
    roll = Roll(text, text_size or max(6, round(size[1] * 0.05)), size)

    def frame(n: int) -> Frame:
        # The first frame shows nothing yet, the last nothing any more: clean cuts on both sides.
        grey = roll.window((roll.height + size[1]) * n / max(1, count - 1) - size[1])
        return np.repeat(grey[..., None], 3, axis=2)

    _compose(out, frame, size, fps, count, on_frame)


def photo(source: Path) -> Image.Image:
    """The photo upright, in sRGB, over black where it is transparent."""
    check_image(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(source, formats=FORMATS) as opened:
            profile = opened.info.get("icc_profile")
            image: Image.Image = ImageOps.exif_transpose(opened)
            image.load()
    if (
        image.mode.startswith("I") or image.mode == "F"
    ):  # 16 bits a sample, or scientific: to the range of the eye
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if values.max() > 255 else 255.0
        image = Image.fromarray((np.clip(values / top, 0, 1) * 255).round().astype(np.uint8))
    if profile and image.mode in ("RGB", "CMYK"):
        image = _in_srgb(image, profile)
    if image.mode in ("RGBA", "LA", "PA", "P") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return image.convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    import io

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return (
            ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            or image
        )
    except (ImageCms.PyCMSError, OSError):
        return image  # a damaged profile: the numbers as they are


def _eased(n: int, count: int) -> float:
    """How far the move has gone at frame n, 0 to 1: it gathers speed, keeps it, and loses it again."""
    at = n / (count - 1) if count > 1 else 0.0
    ramp = 0.25  # the share of the time that each end takes to gather speed and to lose it
    speed = 1 / (1 - ramp)
    if at < ramp:
        return _from_start(at, ramp, speed)
    if at > 1 - ramp:
        return 1 - _from_start(1 - at, ramp, speed)
    return speed * (at - ramp / 2)


def _from_start(at: float, ramp: float, speed: float) -> float:
    return float(speed * (at / 2 - ramp / (2 * np.pi) * np.sin(np.pi * at / ramp)))


def _view(source: Size, size: Size, move: str, at: float) -> tuple[float, float, float, float]:
    """What of the photo is on screen when the move is `at` (0 to 1): left, top, right, bottom."""
    width, height = source
    ratio = size[0] / size[1]
    # The largest part of the film's shape; what is left over is room for a pan or tilt.
    full = (float(width), width / ratio) if width / height <= ratio else (height * ratio, float(height))
    zoom = 1.0
    across = down = 0.5
    if move == "push in":
        zoom = _ZOOM**at  # even growth to the eye
    elif move == "pull out":
        zoom = _ZOOM ** (1 - at)
    elif move != "none":
        sideways = move.startswith("pan")
        room = width / full[0] if sideways else height / full[1]
        zoom = max(1.0, _ZOOM / room)
        place = at if move in ("pan right", "tilt down") else 1 - at
        across, down = (place, 0.5) if sideways else (0.5, place)
    view_width, view_height = full[0] / zoom, full[1] / zoom
    left, top = (width - view_width) * across, (height - view_height) * down
    return left, top, min(left + view_width, width), min(top + view_height, height)


def _compose(
    out: Path, frame: Callable[[int], Frame], size: Size, fps: Fraction, count: int, on_frame: Progress | None
) -> None:
    """Write `count` frames of a MoviePy clip that `frame` draws by number."""
    clip = clip_of(frame, size, count, fps)
    with FrameWriter(out, size, fps) as writer:
        for n in range(count):
            writer.write(clip.get_frame(seconds_at(n, fps)))
            if on_frame is not None:
                on_frame(n + 1, count)


def seconds_at(n: int, fps: Fraction) -> float:
    """A time inside frame n: its middle, so that rounding cannot give a neighbour."""
    return float((n + Fraction(1, 2)) / Fraction(fps))


def clip_of(frame: Callable[[int], Frame], size: Size, count: int, fps: Fraction) -> Any:
    """A MoviePy clip of `count` frames drawn by number."""
    from moviepy import VideoClip

    rate = float(fps)
    clip = VideoClip(duration=float(count / Fraction(fps)), has_constant_size=True)
    clip.size = size
    clip.frame_function = lambda t: frame(min(count - 1, max(0, int(t * rate))))
    clip.fps = rate
    return clip
