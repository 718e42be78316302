"""The hold mapping: which source frame is on screen at which film frame."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from filmforge.editing.conform import frames_covered, frames_needed, held_at_times, source_index

RATES = st.sampled_from(
    [Fraction(n) for n in (8, 12, 15, 16, 24, 25, 30, 50, 60)]
    + [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)]
)


class TestSourceIndex:
    def test_eight_in_twenty_four_is_three_times_each(self) -> None:
        """A render at 8 fps in a film of 24 shows each frame three times."""
        assert [source_index(n, Fraction(24), Fraction(8)) for n in range(9)] == [0, 0, 0, 1, 1, 1, 2, 2, 2]

    def test_sixteen_in_twenty_four_is_two_and_one(self) -> None:
        """16 fps in 24 alternates one and two."""
        assert [source_index(n, Fraction(24), Fraction(16)) for n in range(6)] == [0, 0, 1, 2, 2, 3]

    def test_start_counts_film_frames(self) -> None:
        """A shot that begins four film frames in begins at source frame 1, held for two more."""
        assert [source_index(n, Fraction(24), Fraction(8), 4) for n in range(3)] == [1, 1, 2]

    def test_ntsc_does_not_drift(self) -> None:
        """After an hour, 29.97 in 23.976 is still exactly five for four."""
        assert source_index(86_400, Fraction(24000, 1001), Fraction(30000, 1001)) == 108_000

    @settings(deadline=None)  # a busy machine is no defect
    @given(RATES, RATES, st.integers(0, 10**6), st.integers(0, 10**6))
    def test_shows_the_frame_at_or_before(self, film: Fraction, source: Fraction, n: int, start: int) -> None:
        """The frame shown has begun, and the next has not."""
        index = source_index(n, film, source, start)
        instant = Fraction(n + start) / film
        assert index / source <= instant < (index + 1) / source


class TestFramesNeededAndCovered:
    @settings(deadline=None)
    @given(RATES, RATES, st.integers(1, 5000))
    def test_what_is_needed_is_covered(self, film: Fraction, source: Fraction, count: int) -> None:
        """A source with the frames needed covers the count, and with one fewer it does not."""
        needed = frames_needed(count, film, source)
        assert frames_covered(needed, film, source) >= count
        assert frames_covered(needed - 1, film, source) < count


class TestHeldAtTimes:
    @settings(deadline=None)
    @given(RATES, RATES, st.integers(0, 200))
    def test_equal_times_are_the_constant_mapping(self, film: Fraction, source: Fraction, start: int) -> None:
        """Frames that happen to last equally map as at a constant rate."""
        times = [i / source for i in range(600)]
        expected = [source_index(n, film, source, start) for n in range(50)]
        assert [min(i, 599) for i in expected] == list(held_at_times(50, film, times, start))
