"""Whether a photo or still is whole: decoded to its last byte before anything rests on it."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from filmforge.errors import MediaError

MAX_SIDE = 20_000
MAX_PIXELS = 150_000_000
"""Beyond these a picture is a mistake or an attack: 150 megapixels unpack to 450 MB."""

# Pillow also opens formats that run other programs (EPS) or are no pictures; these are what cameras and
# painters make.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")

_MAGIC = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"BM")


def is_image(path: Path) -> bool:
    """Whether the file's first bytes are those of a still picture (its name does not matter)."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return False
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def check_image(path: Path) -> tuple[int, int]:
    """Decode the picture wholly and return its upright (width, height) in pixels.

    Raises MediaError, naming the file and the remedy, when it is missing, empty, no picture, cut short or
    absurdly large.
    """
    try:
        if path.stat().st_size == 0:
            raise MediaError(f"{path}: is empty; put the real picture in its place")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit stands below
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size
                if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
                    raise MediaError(
                        f"{path}: is {width} x {height} pixels; make it smaller: at most "
                        f"{MAX_PIXELS // 1_000_000} megapixels, and {MAX_SIDE} on a side"
                    )
                image.load()
                turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except MediaError:
        raise
    except Image.DecompressionBombError:
        raise MediaError(f"{path}: has too many pixels to be a photo; make it smaller") from None
    except UnidentifiedImageError:
        raise MediaError(f"{path}: is not a picture; use PNG, JPEG, WebP, TIFF or BMP") from None
    except OSError as reason:
        cause = reason.strerror or str(reason)
        raise MediaError(
            f"{path}: cannot be read as a picture ({cause}); put a whole copy in its place"
        ) from None
    except (
        Exception
    ) as reason:  # Pillow's decoders raise anything (SyntaxError, struct.error, ...) on damaged files
        raise MediaError(f"{path}: is damaged ({reason}); put a whole copy in its place") from None
    return (height, width) if turned else (width, height)
