"""Footage of all kinds, held at the film's rate."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from filmforge.editing.pictures import ConformedFrames, Picture
from filmforge.errors import MediaError
from tests.editing.media import FILM, SIZE, numbered


def shown(picture: Picture, count: int, film: Fraction = FILM) -> list[int]:
    """The numbers of the frames on screen, read from the luma (or red) of the piped bytes."""
    frames = ConformedFrames(picture, count, film, SIZE)
    levels = []
    for raw in frames:
        luma = np.frombuffer(raw, np.uint8)[: frames.layout.width * frames.layout.height]
        level = float(np.median(luma))
        levels.append(level if frames.layout.full_range else (level - 16) * 255 / 219)
    return [round((level - 20) / 5) for level in levels]


class TestConformedFrames:
    @pytest.mark.parametrize(
        ("fps", "expected"),
        [
            (Fraction(8), [0, 0, 0, 1, 1, 1, 2, 2]),
            (Fraction(16), [0, 0, 1, 2, 2, 3, 4, 4]),
            (Fraction(25), [0, 1, 2, 3, 4, 5, 6, 7]),
            (Fraction(48), [0, 2, 4, 6, 8, 10, 12, 14]),
        ],
    )
    def test_holds_a_render(self, render: Callable[..., Path], fps: Fraction, expected: list[int]) -> None:
        """A render at its own rate is held to the film's."""
        assert shown(Picture(render("a.mkv", 16, fps), fps, 16), 8) == expected

    @pytest.mark.parametrize(
        ("name", "codec", "options"),
        [
            ("a.mp4", "libx264", {"bf": "3"}),
            ("a.mkv", "libx264", {"bf": "2"}),
            ("a.mov", "prores_ks", {}),
            ("a.webm", "libvpx-vp9", {}),
            ("a.avi", "mpeg4", {"b": "4M"}),
            ("a.ts", "libx264", {"bf": "3"}),
        ],
    )
    @pytest.mark.parametrize("fps", [FILM, Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25)])
    def test_counts_footage_exactly(
        self, footage: Callable[..., Path], name: str, codec: str, options: dict[str, str], fps: Fraction
    ) -> None:
        """Footage shows the frames that arithmetic asks for, in any container, with B-frames or without."""
        pixels = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
        clip = footage(name, numbered(30), codec=codec, pixels=pixels, fps=fps, options=options)
        if codec == "prores_ks":
            assert len(list(ConformedFrames(Picture(clip, fps, 30, 2), 20, FILM, SIZE))) == 20
            return
        expected = [int((2 + n) * fps / FILM) for n in range(20)]
        assert shown(Picture(clip, fps, 30, first=2), 20) == expected

    def test_seeks_to_the_frame(self, footage: Callable[..., Path]) -> None:
        """Far into footage, a seek finds the very frame."""
        clip = footage("a.mp4", numbered(240), options={"g": "50", "bf": "3"})
        assert shown(Picture(clip, FILM, 240, first=203), 5) == [n % 41 for n in range(203, 208)]

    def test_follows_unequal_times(self, footage: Callable[..., Path]) -> None:
        """Footage with unequal frames shows each at its time."""
        clip = footage("a.mkv", numbered(5), pts=[0, 42, 83, 250, 292])
        assert shown(Picture(clip, Fraction(17), 5), 8) == [0, 1, 2, 2, 2, 2, 3, 4]

    def test_holds_what_does_not_move(self, render: Callable[..., Path]) -> None:
        """A single frame lasts as long as it is wanted."""
        assert shown(Picture(render("a.mkv", 1, Fraction(1)), Fraction(1), 1), 50) == [0] * 50

    def test_refuses_more_than_there_is(self, footage: Callable[..., Path]) -> None:
        """A clip that is too short is an error that says how long it is."""
        with pytest.raises(MediaError, match="lasts for 24"):
            shown(Picture(footage(), FILM, 24, first=10), 20)

    def test_takes_gif(self, footage: Callable[..., Path]) -> None:
        """A GIF is footage too."""
        clip = footage("a.gif", numbered(6), codec="gif", pixels="gray", fps=Fraction(10))
        assert len(list(ConformedFrames(Picture(clip, Fraction(10), 6), 12, FILM, SIZE))) == 12

    def test_drops_alpha_over_black(self, footage: Callable[..., Path]) -> None:
        """What is half transparent is half as bright."""
        rgba = np.full((3, 36, 64, 4), (200, 100, 50, 128), np.uint8)
        frames = ConformedFrames(
            Picture(footage("a.mov", rgba, codec="qtrle", pixels="argb"), FILM, 3), 3, FILM, SIZE
        )
        first = np.frombuffer(next(iter(frames)), np.uint8).reshape(36, 64, 3)
        assert first[0, 0].tolist() == [100, 50, 25]

    def test_reads_what_is_left_of_a_cut_file(self, tmp_path: Path, footage: Callable[..., Path]) -> None:
        """Of a file that was cut short, what is there can be used."""
        whole = footage("a.mkv", numbered(60), options={"g": "10"}).read_bytes()
        (tmp_path / "cut.mkv").write_bytes(whole[: int(len(whole) * 0.7)])
        assert shown(Picture(tmp_path / "cut.mkv", FILM, 60), 10) == list(range(10))
