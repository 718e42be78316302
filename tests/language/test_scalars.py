"""Durations, sizes, rates, paths and numbers, from what YAML holds."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmforge.language import scalars

NTSC = Fraction(24000, 1001)


class TestFrames:
    """Durations become whole frames, rounded half up, by exact arithmetic."""

    @pytest.mark.parametrize(
        ("written", "fps", "count"),
        [
            ("4s", Fraction(24), 96),
            ("1.5s", Fraction(24), 36),
            ("36f", Fraction(24), 36),
            ("00:00:04:00", Fraction(24), 96),
            ("01:00:00:01", Fraction(25), 90001),
            ("0.1s", Fraction(25), 3),  # 2.5 goes up
            ("0.5s", Fraction(25), 13),  # 12.5 goes up
            ("0.06s", Fraction(25), 2),  # 1.5 goes up
            ("1s", NTSC, 24),
            ("00:00:01:00", NTSC, 24),
            ("10s", NTSC, 240),
        ],
    )
    def test_a_duration_in_any_notation(self, written: str, fps: Fraction, count: int) -> None:
        """Seconds, frames and timecode say the same thing."""
        assert scalars.frames(written, fps) == count

    @pytest.mark.parametrize(
        "value",
        [
            4,
            4.0,
            "4",
            "4x",
            "s",
            "-4s",
            "4 s",
            "4S",
            "1:30",
            "00:00:04",
            "",
            True,
            None,
            [],
            {},
            "4s\n",
            "٤s",
            "1e3s",
        ],
    )
    def test_anything_else_is_no_duration(self, value: object) -> None:
        """The message says how durations are written."""
        with pytest.raises(ValueError, match=r"is not a duration; write 4s, 96f or 00:00:04:00"):
            scalars.frames(value, Fraction(24))

    @pytest.mark.parametrize("value", ["0s", "0f", "0.01s", "00:00:00:00"])
    def test_no_frame_is_an_error(self, value: str) -> None:
        """What rounds to no frame is no duration."""
        with pytest.raises(ValueError, match="no frame"):
            scalars.frames(value, Fraction(24))

    def test_a_moment_may_be_nothing_but_not_round_to_it(self) -> None:
        """0s and 0f are moments; 0.01s was meant to be something."""
        assert scalars.frames_or_zero("0s", Fraction(24)) == scalars.frames_or_zero("0f", Fraction(24)) == 0
        with pytest.raises(ValueError, match="rounds to no frame"):
            scalars.frames_or_zero("0.01s", Fraction(24))

    @pytest.mark.parametrize("value", ["00:00:04:24", "00:60:00:00", "00:00:60:00", "00:00:04;00"])
    def test_a_timecode_out_of_range(self, value: str) -> None:
        """Frames stay below the rate, minutes and seconds below 60; drop-frame is not known."""
        with pytest.raises(ValueError, match="timecode"):
            scalars.frames(value, Fraction(24))

    @given(
        st.integers(0, 10**7), st.sampled_from([Fraction(24), Fraction(25), Fraction(30), NTSC, Fraction(60)])
    )
    def test_written_and_read_again_is_the_same(self, count: int, fps: Fraction) -> None:
        """`written_duration` is the inverse of reading."""
        assert scalars.frames_or_zero(scalars.written_duration(count, fps), fps) == count

    @given(st.integers(1, 10**9 - 1), st.integers(0, 9), st.fractions(1, 240))
    def test_rounding_is_half_up(self, digits: int, places: int, fps: Fraction) -> None:
        """The frame count is the nearest whole number, and a half goes up."""
        whole, part = divmod(digits, 10**places)
        text = f"{whole}.{part:0{places}}s" if places else f"{whole}s"
        exact = Fraction(digits, 10**places) * fps
        if exact < Fraction(1, 2):
            with pytest.raises(ValueError, match="no frame"):
                scalars.frames(text, fps)
        else:
            assert scalars.frames(text, fps) == math.floor(exact + Fraction(1, 2))


class TestSizeAndRate:
    """Pictures are WIDTHxHEIGHT; rates are exact."""

    def test_sizes(self) -> None:
        """A size is two whole numbers."""
        assert scalars.size("1280x704") == (1280, 704)
        for wrong in ("1280", "1280X720", "0x5", "a", 7, None, "1280 x 720", "99999x9"):
            with pytest.raises(ValueError, match=r"size|large"):
                scalars.size(wrong)

    def test_a_film_has_even_sides(self) -> None:
        """The message offers the next even size."""
        with pytest.raises(ValueError, match="1282x720"):
            scalars.delivered_size("1281x720")

    def test_rates(self) -> None:
        """Whole numbers, decimals and fractions, exactly."""
        assert scalars.rate(24) == 24
        assert scalars.rate(12.5) == Fraction(25, 2)
        assert scalars.rate("24000/1001") == NTSC

    @pytest.mark.parametrize(("wrong", "right"), [(23.976, "24000/1001"), (29.97, "30000/1001")])
    def test_ntsc_in_decimals_is_not_exact(self, wrong: float, right: str) -> None:
        """The exact rate is offered."""
        with pytest.raises(ValueError, match=right):
            scalars.rate(wrong)

    @pytest.mark.parametrize("wrong", [0, -1, "0/1", "1/0", "24 fps", True, math.inf, math.nan, 10**9, None])
    def test_no_rate(self, wrong: object) -> None:
        """What is no rate is refused."""
        with pytest.raises(ValueError, match="rate"):
            scalars.rate(wrong)


class TestPath:
    """Paths stay inside the project folder."""

    @pytest.mark.parametrize(
        "good", ["a.png", "./a", "a/b c/d.png", "a/../b", "ü/日本.png", "-x.png", "a:b", "..a"]
    )
    def test_inside(self, good: str) -> None:
        """A path is kept as written."""
        assert scalars.path(good) == good

    @pytest.mark.parametrize(
        "bad",
        [
            "/etc/passwd",
            "../a",
            "a/../../b",
            "~/a",
            "a\0b",
            "a\nb",
            "",
            " ",
            "C:/a",
            "a\\b",
            "file:///a",
            "x" * 300,
            7,
            None,
        ],
    )
    def test_outside_or_no_path(self, bad: object) -> None:
        """Whatever leaves the folder, or is no path, is refused."""
        with pytest.raises(ValueError, match=r"path|project|address"):
            scalars.path(bad)


@given(st.text(max_size=200))
def test_what_is_shown_is_one_short_line(text: str) -> None:
    """A message never breaks its line, and never drowns in what it quotes."""
    shown = scalars.shown(text)
    assert len(shown) <= 62
    assert shown.isprintable()
