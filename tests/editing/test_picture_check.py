"""Photos that can be relied on, and those that cannot."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filmforge.editing.picture_check import check_image
from filmforge.errors import MediaError


def noise(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A picture that does not compress, so that cutting it cuts the picture."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


class TestCheckImage:
    @pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
    def test_takes_whole_pictures(self, tmp_path: Path, form: str) -> None:
        """What cameras and painters write is read, whatever it is called."""
        noise().save(tmp_path / "a.dat", format=form)
        assert check_image(tmp_path / "a.dat") == (64, 48)

    @pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
    def test_refuses_a_cut_picture(self, tmp_path: Path, form: str) -> None:
        """A picture that ends early is named."""
        noise().save(tmp_path / "whole", format=form)
        (tmp_path / "cut.png").write_bytes((tmp_path / "whole").read_bytes()[:-2000])
        with pytest.raises(MediaError, match=r"cut\.png"):
            check_image(tmp_path / "cut.png")

    @pytest.mark.parametrize(("content", "what"), [(b"", "empty"), (b"hello", "not a picture")])
    def test_refuses_text(self, tmp_path: Path, content: bytes, what: str) -> None:
        """Text called .png, and nothing at all, are refused."""
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(MediaError, match=what):
            check_image(tmp_path / "a.png")

    def test_refuses_a_bomb(self, tmp_path: Path) -> None:
        """A small file that claims a vast picture is refused before it is unpacked."""

        def chunk(name: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

        header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
        body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
        with pytest.raises(MediaError, match="smaller"):
            check_image(tmp_path / "a.png")
