"""Stills that move, cards, credits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filmforge.editing import plates
from filmforge.editing.frames import count_frames, read_frames
from filmforge.errors import MediaError
from tests.editing.media import FILM

SIZE = (160, 90)


def dot(path: Path, size: tuple[int, int]) -> Path:
    """A photo with one soft white dot in the middle of grey."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    d = np.hypot(x - size[0] * 0.6, y - size[1] * 0.4) / size[0]
    grey = (40 + 200 * np.exp(-((d / 0.03) ** 2))).astype(np.uint8)
    Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(path)
    return path


def centre(frame: np.ndarray) -> tuple[float, float]:
    """Where the dot is, to a fraction of a pixel."""
    weight = np.clip(frame[..., 0].astype(float) - 60, 0, None)
    y, x = np.mgrid[0 : frame.shape[0], 0 : frame.shape[1]]
    return float((x * weight).sum() / weight.sum()), float((y * weight).sum() / weight.sum())


class TestStill:
    @pytest.mark.parametrize("move", [m for m in plates.MOVES if m != "none"])
    def test_moves_without_jitter(self, tmp_path: Path, move: str) -> None:
        """A slow move goes one way, starts and ends gently, and no step differs much from its neighbours."""
        photo = dot(tmp_path / "a.png", (400, 300))
        plates.still(tmp_path / "a.mkv", photo, size=SIZE, fps=FILM, count=48, move=move)
        places = np.array([centre(frame) for frame in read_frames(tmp_path / "a.mkv")])
        steps = np.diff(places, axis=0)
        axis = int(np.argmax(np.abs(steps).sum(axis=0)))
        along = steps[:, axis] * np.sign(steps[:, axis].sum())
        assert along.min() > -0.02
        assert np.abs(np.diff(along, n=2)).max() < 0.06
        assert along[0] < 0.5 * along.max() > along[-1]
        assert along.sum() > 2

    def test_opposite_moves_mirror(self, tmp_path: Path) -> None:
        """Pull out is push in backwards."""
        photo = dot(tmp_path / "a.png", (320, 180))
        for name, move in (("in", "push in"), ("out", "pull out")):
            plates.still(tmp_path / f"{name}.mkv", photo, size=SIZE, fps=FILM, count=9, move=move)
        there = list(read_frames(tmp_path / "in.mkv"))
        back = list(read_frames(tmp_path / "out.mkv"))[::-1]
        assert max(np.abs(a.astype(int) - b.astype(int)).max() for a, b in zip(there, back, strict=True)) <= 2

    @pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16", "LA", "1"])
    @pytest.mark.parametrize("size", [(1, 1), (37, 500), (900, 20)])
    def test_takes_any_picture(self, tmp_path: Path, mode: str, size: tuple[int, int]) -> None:
        """Photos of any mode and shape fill the film."""
        path = tmp_path / ("a.tif" if mode in ("CMYK", "I;16", "LA") else "a.png")
        Image.new(mode, size, 1).save(path)
        plates.still(tmp_path / "a.mkv", path, size=SIZE, fps=FILM, count=2, move="push in")
        assert count_frames(tmp_path / "a.mkv") == 2

    def test_is_upright(self, tmp_path: Path) -> None:
        """The camera's note on which way is up is followed."""
        picture = Image.new("RGB", (90, 160), "black")
        picture.paste("white", (0, 0, 90, 80))
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
        plates.still(tmp_path / "a.mkv", tmp_path / "a.jpg", size=SIZE, fps=FILM, count=1)
        frame = next(read_frames(tmp_path / "a.mkv"))
        assert frame[:, :60].mean() < 20
        assert frame[:, -60:].mean() > 235

    def test_refuses(self, tmp_path: Path) -> None:
        """An unknown move is a caller's mistake; a text called .png is the film's."""
        (tmp_path / "a.png").write_text("hello")
        with pytest.raises(ValueError, match="spin"):
            plates.still(tmp_path / "a.mkv", tmp_path / "a.png", size=SIZE, fps=FILM, count=1, move="spin")
        with pytest.raises(MediaError, match=r"a\.png"):
            plates.still(tmp_path / "a.mkv", tmp_path / "a.png", size=SIZE, fps=FILM, count=1)


class TestCard:
    def test_is_centred_and_still(self, tmp_path: Path) -> None:
        """Text stands in the middle, in its colours, the same on every frame."""
        plates.card(
            tmp_path / "a.mkv", text="OHO", text_size=30, color="#ff0000", background="navy",
            size=SIZE, fps=FILM, count=3,
        )  # fmt: skip
        frames = list(read_frames(tmp_path / "a.mkv"))
        assert all(np.array_equal(frames[0], frame) for frame in frames)
        assert frames[0][0, 0].tolist() == [0, 0, 128]
        ys, xs = np.nonzero(frames[0][..., 0] > 128)
        assert abs(xs.mean() - 80) < 3
        assert abs(ys.mean() - 45) < 6

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "\x00\x1b[31m",
            "W" * 400,
            "long words " * 200,
            "a\nb\n\n\nc",
            "%{pts}';[x]",
            "שלום\nمرحبا",
            "👩‍👩‍👧🙂",
            "\ud800",
        ],
    )
    def test_any_text_fits(self, text: str) -> None:
        """Whatever the text, it is drawn inside the safe area."""
        picture = np.asarray(plates.card_image(text, 72, "white", "black", SIZE))
        assert picture[:4].max() == picture[-4:].max() == picture[:, :6].max() == picture[:, -6:].max() == 0


class TestCredits:
    TEXT = "# The Lantern\n\nDirector: Ada\nMusic: J. S.\n\nThanks to\nEverybody: at: home\n" + "name\n" * 10

    def test_rolls_from_below_to_above(self, tmp_path: Path) -> None:
        """Nothing shows on the first frame or the last; in between, lines rise at one speed."""
        plates.credits(tmp_path / "a.mkv", self.TEXT, size=SIZE, fps=FILM, count=60)
        frames = [frame[..., 0].astype(float) for frame in read_frames(tmp_path / "a.mkv")]
        assert frames[0].max() == frames[-1].max() == 0
        assert min(frame.max() for frame in frames[8:-8]) > 100
        tops = [int(np.nonzero(frame.max(axis=1) > 40)[0][0]) for frame in frames[6:20]]
        assert tops == sorted(tops, reverse=True)

    def test_moves_by_fractions_of_a_pixel(self) -> None:
        """Half a pixel further is between the two whole pixels."""
        from filmforge.editing.credits import Roll

        roll = Roll(self.TEXT, 20, SIZE)
        a, half, b = (roll.window(top).astype(float) for top in (10.0, 10.5, 11.0))
        assert np.abs(half - (a + b) / 2).mean() < 2.5

    @pytest.mark.parametrize("text", ["", "#", "# \n:\n: a\nb:", "x" * 3000, "\x00", "🙂: שלום", "#" * 50])
    def test_any_text_rolls(self, tmp_path: Path, text: str) -> None:
        """Whatever the file holds, the roll has its frames."""
        plates.credits(tmp_path / "a.mkv", text, size=(64, 36), fps=FILM, count=3)
        assert count_frames(tmp_path / "a.mkv") == 3

    def test_memory_does_not_grow(self) -> None:
        """Of ten thousand names, only the pages near the window are drawn."""
        from filmforge.editing.credits import Roll

        roll = Roll("some name\n" * 400, 20, SIZE)
        for top in range(0, int(roll.height), 700):
            roll.window(top)
        assert len(roll._pages) <= 3
