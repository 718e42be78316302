"""Dissolves and wipes."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from filmforge.editing.joins import encode_join
from filmforge.editing.pictures import Picture
from filmforge.errors import MediaError
from tests.editing.media import FILM, SIZE, complaints, decoded, number_of


@pytest.fixture
def pair(render: Callable[..., Path]) -> tuple[Picture, Picture]:
    """A dark picture and a bright one, neither moving."""
    dark, bright = render("a.mkv", 1, FILM), render("b.mkv", 1, FILM, first=40)
    return Picture(dark, FILM, 1), Picture(bright, FILM, 1)


class TestEncodeJoin:
    @pytest.mark.parametrize("count", [1, 2, 9])
    def test_dissolves_evenly(self, tmp_path: Path, pair: tuple[Picture, Picture], count: int) -> None:
        """Each frame is a step from the first picture to the second, and neither end is one of them."""
        encode_join(tmp_path / "j.mp4", *pair, count=count, kind="dissolve", size=SIZE, fps=FILM, quality=8)
        numbers = [number_of(frame) for frame in decoded(tmp_path / "j.mp4")]
        assert numbers == pytest.approx([40 * (n + 1) / (count + 1) for n in range(count)], abs=1)
        assert complaints(tmp_path / "j.mp4") == ""

    def test_wipes_from_left_to_right(self, tmp_path: Path, pair: tuple[Picture, Picture]) -> None:
        """The second picture's share grows from the left."""
        encode_join(tmp_path / "j.mp4", *pair, count=7, kind="wipe", size=SIZE, fps=FILM, quality=8)
        shares = [float((frame.mean(axis=(0, 2)) > 120).mean()) for frame in decoded(tmp_path / "j.mp4")]
        assert shares == pytest.approx([(n + 1) / 8 for n in range(7)], abs=0.06)
        middle = decoded(tmp_path / "j.mp4")[3]
        assert middle[:, :20].mean() > 200 > 40 > middle[:, -20:].mean()

    def test_moves_both_pictures(self, tmp_path: Path, render: Callable[..., Path]) -> None:
        """Both shots go on while they mix."""
        path = render("m.mkv", 30, FILM)
        same = Picture(path, FILM, 30, first=3), Picture(path, FILM, 30, first=3)
        encode_join(tmp_path / "j.mp4", *same, count=8, kind="dissolve", size=SIZE, fps=FILM, quality=8)
        assert [number_of(frame) for frame in decoded(tmp_path / "j.mp4")] == list(range(3, 11))

    def test_is_the_same_every_time(self, tmp_path: Path, pair: tuple[Picture, Picture]) -> None:
        """Two joins of the same pictures are one file."""
        for name in ("a.mp4", "b.mp4"):
            encode_join(tmp_path / name, *pair, count=4, kind="wipe", size=SIZE, fps=FILM)
        assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()

    def test_says_which_picture_is_short(self, tmp_path: Path, render: Callable[..., Path]) -> None:
        """A shot that ends inside the join is named, and nothing is left behind."""
        a = Picture(render("a.mkv", 5, FILM), FILM, 5)
        b = Picture(render("b.mkv", 30, Fraction(24)), FILM, 30)
        with pytest.raises(MediaError, match=r"a\.mkv"):
            encode_join(tmp_path / "j.mp4", a, b, count=12, kind="dissolve", size=SIZE, fps=FILM)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mkv", "b.mkv"]

    def test_matches_the_shots_beside_it(self, tmp_path: Path, render: Callable[..., Path]) -> None:
        """A join of a picture with itself looks like a segment of it: no jump in colour at the cut."""
        from filmforge.editing.segment import encode_segment

        picture = Picture(render("m.mkv", 9, FILM, first=12), FILM, 9)
        encode_join(
            tmp_path / "j.mp4", picture, picture, count=9, kind="dissolve", size=SIZE, fps=FILM, quality=1
        )
        encode_segment(tmp_path / "s.mp4", picture, count=9, size=SIZE, fps=FILM, quality=1)
        for a, b in zip(decoded(tmp_path / "j.mp4"), decoded(tmp_path / "s.mp4"), strict=True):
            assert np.abs(a.astype(int) - b.astype(int)).max() <= 2
