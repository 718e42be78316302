"""Every frame of the film is where the film file says."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmforge.language.load import load
from filmforge.planning.timeline import Timeline, lay_out, samples
from tests.conftest import WriteFilm


def no_media(path: str) -> Fraction:
    raise AssertionError(f"{path} was asked for its length")


@pytest.fixture
def timeline(write_film: WriteFilm):  # type: ignore[no-untyped-def]
    def make(text: str, **lengths: str) -> Timeline:
        return lay_out(load(write_film(text)), lambda path: Fraction(lengths[path.replace(".", "_")]))

    return make


TWO = """
scenes:
  - id: a
    shots:
      - {id: one, title: {text: one}, lasts: 2s}
      - {id: two, title: {text: two}, lasts: 3s, join: JOIN}
"""


class TestJoins:
    def test_hard_cut_adds_lengths(self, timeline) -> None:
        """Without a join the film is as long as its shots together."""
        assert timeline(TWO.replace(", join: JOIN", "")).frames == 48 + 72

    @pytest.mark.parametrize("join", ["{dissolve: 12f}", "{wipe: 12f}"])
    def test_overlap_shortens_film(self, timeline, join: str) -> None:
        """A dissolve and a wipe lie inside both shots, so that the film grows shorter by their length."""
        film = timeline(TWO.replace("JOIN", join))
        assert film.frames == 48 + 72 - 12
        assert film.shots[1].at == 48 - 12
        assert (film.shots[0].overlap_tail, film.shots[1].overlap_head) == (12, 12)

    def test_fade_keeps_length(self, timeline) -> None:
        """A fade goes through black, half in each shot, and takes nothing from the film."""
        film = timeline(TWO.replace("JOIN", "{fade: 1s}"))
        assert film.frames == 48 + 72
        assert (film.shots[0].fade_tail, film.shots[1].fade_head) == (12, 12)


class TestTrim:
    def test_trim_counts_from_to(self, timeline) -> None:
        """`trim` uses from its first moment up to, not including, its last."""
        film = timeline(
            "scenes: [{id: a, shots: [{id: one, title: {text: x}, lasts: 4s, trim: {from: 1s, to: 60f}}]}]"
        )
        assert (film.shots[0].first, film.shots[0].count, film.frames) == (24, 36, 36)


@given(
    st.integers(0, 10_000_000), st.sampled_from([Fraction(24), Fraction(24000, 1001), Fraction(30000, 1001)])
)
def test_samples_never_drift(frames: int, fps: Fraction) -> None:
    """A frame's first sample is within half a sample of its exact moment, however late in the film."""
    assert abs(samples(frames, fps) - Fraction(frames * 48_000) / fps) <= Fraction(1, 2)


class TestCaptions:
    def test_two_lines_leave_a_gap(self, timeline) -> None:
        """A caption ends two frames before the next begins."""
        film = timeline("""
            characters: {mira: {looks: a girl}}
            scenes:
              - id: a
                shots:
                  - {id: one, title: {text: x}, lasts: 4s,
                     says: {mira: {text: "First words that take long to read, longer than the gap allows", at: 0s},
                            narrator: {text: "Second.", at: 1s}}}
        """)
        assert [(c.text[:5], c.first) for c in film.captions] == [("First", 0), ("Secon", 24)]
        assert film.captions[0].last == 22
