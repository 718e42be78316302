"""Photos and short clips, read as pictures to look at: upright, RGB, with the words that lie beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from filmforge.errors import MediaError

Picture = NDArray[np.uint8]
"""A picture: height x width x 3, RGB, 0 to 255."""

LOOKED_AT = 512
"""The longer side, in pixels, at which a photo is looked at. What is not seen there, training does not see."""
_INTO_A_CLIP = 12
"""The frame of a clip that stands for it: past what is often black at the beginning."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo or clip: its file's name, its full size (width, height), itself no larger than `LOOKED_AT`.

    `caption` are the words written beside it; None where there are none.
    """

    name: str
    size: tuple[int, int]
    picture: Picture
    caption: str | None = None
    clip: bool = False


def read_photo(path: Path) -> Photo:
    """The photo or clip at `path`. MediaError for what is neither."""
    image = opened(path)
    still = image is not None
    if image is None:
        image = Image.fromarray(_frame_of(path))
    size = image.size
    image.thumbnail((LOOKED_AT, LOOKED_AT), Image.Resampling.LANCZOS)
    return Photo(path.name, size, np.asarray(image), written_caption(path), clip=not still)


def opened(path: Path) -> Image.Image | None:
    """The picture at `path`, upright and RGB, what is transparent on white; None for what is no picture at all.

    MediaError for one that cannot be read to its end.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return _opaque(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        return None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path}: not a picture that can be read: {error}") from error


def caption_file(path: Path) -> Path:
    """Where the words that go with a photo are: `NAME.txt` beside `NAME.png`."""
    return path.with_suffix(".txt")


def written_caption(path: Path) -> str | None:
    """The words beside a photo, in one line; None where there are none."""
    beside = caption_file(path)
    if not beside.is_file():
        return None
    return " ".join(beside.read_text(encoding="utf-8-sig", errors="replace").split()) or None


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        ground = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(ground, layered).convert("RGB")
    return image.convert("RGB")


def _frame_of(path: Path) -> Picture:
    import av

    found: Picture | None = None
    try:
        # Files only: a playlist must not reach out to other files or to a network.
        with av.open(str(path.resolve()), options={"protocol_whitelist": "file"}) as container:
            for number, frame in enumerate(container.decode(video=0)):
                found = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
                if number >= _INTO_A_CLIP:
                    break
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        raise MediaError(f"{path}: neither a picture nor a clip that can be read: {error}") from error
    if found is None:
        raise MediaError(f"{path}: neither a picture nor a clip with pictures in it")
    return found
