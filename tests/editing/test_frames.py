"""Lossless frames on disk."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filmforge.editing.frames import FrameWriter, count_frames, frame_png, read_frames, write_frames
from filmforge.errors import MediaError

NOISE = np.random.default_rng(0).integers(0, 256, (7, 18, 30, 3), dtype=np.uint8)


class TestFrameWriter:
    def test_gives_back_every_bit(self, tmp_path: Path) -> None:
        """What is written is read back to the bit, at odd sizes and rates too."""
        write_frames(tmp_path / "a.mkv", NOISE[:, :17, :29], Fraction(24000, 1001))
        assert np.array_equal(np.stack(list(read_frames(tmp_path / "a.mkv"))), NOISE[:, :17, :29])

    def test_same_frames_same_bytes(self, tmp_path: Path) -> None:
        """Two writes of the same frames are the same file."""
        for name in ("a.mkv", "b.mkv"):
            write_frames(tmp_path / name, NOISE, Fraction(8))
        assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()

    def test_nothing_is_left_of_a_failure(self, tmp_path: Path) -> None:
        """A block that fails leaves no file, under its name or another."""
        with pytest.raises(RuntimeError), FrameWriter(tmp_path / "a.mkv", (30, 18), Fraction(8)) as writer:
            writer.write(NOISE[0])
            raise RuntimeError
        assert list(tmp_path.iterdir()) == []

    def test_refuses_another_size(self, tmp_path: Path) -> None:
        """A frame of another size is named, not stretched."""
        with (
            pytest.raises(MediaError, match="frame 0"),
            FrameWriter(tmp_path / "a.mkv", (32, 18), Fraction(8)) as writer,
        ):
            writer.write(NOISE[0])

    def test_refuses_no_frames(self, tmp_path: Path) -> None:
        """A film strip without frames is none."""
        with (
            pytest.raises(MediaError, match="no frame"),
            FrameWriter(tmp_path / "a.mkv", (32, 18), Fraction(8)),
        ):
            pass


class TestReadFrames:
    def test_reads_a_part(self, tmp_path: Path) -> None:
        """Frames are found by number."""
        write_frames(tmp_path / "a.mkv", NOISE, Fraction(30000, 1001))
        assert np.array_equal(np.stack(list(read_frames(tmp_path / "a.mkv", 2, 3))), NOISE[2:5])
        assert count_frames(tmp_path / "a.mkv") == 7

    @pytest.mark.parametrize(("start", "count"), [(0, 8), (7, 1)])
    def test_says_what_there_is(self, tmp_path: Path, start: int, count: int) -> None:
        """Frames that are not there are an error that says how many are."""
        write_frames(tmp_path / "a.mkv", NOISE, Fraction(8))
        with pytest.raises(MediaError, match="it has 7"):
            list(read_frames(tmp_path / "a.mkv", start, count))

    def test_refuses_what_is_not_ours(self, tmp_path: Path, footage: Callable[..., Path]) -> None:
        """A lossy file, or no film at all, is refused."""
        (tmp_path / "x.mkv").write_text("no")
        for path in (tmp_path / "x.mkv", footage("clip.mkv")):
            with pytest.raises(MediaError):
                list(read_frames(path))


class TestFramePng:
    @pytest.mark.parametrize("index", [0, 3, -1])
    def test_writes_that_very_frame(self, tmp_path: Path, index: int) -> None:
        """The picture has the bits of the frame, counted from either end."""
        write_frames(tmp_path / "a.mkv", NOISE, Fraction(8))
        frame_png(tmp_path / "a.mkv", index, tmp_path / "a.png")
        assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), NOISE[index])
