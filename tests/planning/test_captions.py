"""Captions: when they are on screen, and their lines."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmforge.planning.captions import GAP, LINE, LINES, Caption, paged, reading_frames, within, wrap

FILM_RATE = Fraction(24)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=400) | st.lists(
    st.text("abcdefgh'", min_size=1, max_size=12), max_size=60
).map(" ".join)
CAPTIONS = st.lists(
    st.builds(lambda t, a, n: Caption(t, a, a + n), TEXTS, st.integers(0, 3000), st.integers(1, 300)),
    max_size=8,
)


class TestWrap:
    @settings(deadline=None)
    @given(TEXTS)
    def test_lines_fit_and_nothing_is_lost(self, text: str) -> None:
        """No line is over 42 characters, and every word is there."""
        lines = wrap(text)
        assert all(len(line) <= LINE for line in lines)
        assert "".join("".join(lines).split()) == "".join(text.split())

    def test_lines_are_of_like_length(self) -> None:
        """Two lines share the words instead of leaving one alone."""
        assert wrap("He promised he'd be back before the storm.") == [
            "He promised he'd be back before the storm."
        ]
        assert wrap("He promised he'd be back before the storm came in.") == [
            "He promised he'd be back",
            "before the storm came in.",
        ]

    def test_keeps_the_authors_break(self) -> None:
        """A break that fits is kept."""
        assert wrap("- Who?\n- Me.") == ["- Who?", "- Me."]


class TestPaged:
    @given(CAPTIONS, st.integers(1, 3000))
    @settings(max_examples=60, deadline=None)
    def test_captions_follow_one_another(self, captions: list[Caption], end: int) -> None:
        """Captions are in order, never two at once, never past the end, each on for a frame at least."""
        shown = paged(captions, end, FILM_RATE)
        assert all(c.first < c.last <= end for c in shown)
        assert all(a.last <= b.first for a, b in pairwise(shown))

    @given(CAPTIONS)
    @settings(max_examples=60, deadline=None)
    def test_no_speaker_is_lost(self, captions: list[Caption]) -> None:
        """Everyone who says something begins to be read, whoever speaks at the same time."""
        shown = " ".join(c.text.replace("\n", " ") for c in paged(captions, 4000, FILM_RATE))
        for caption in captions:
            assert not wrap(caption.text) or wrap(caption.text)[0][:8].split()[0] in shown

    def test_leaves_a_gap(self) -> None:
        """Two frames between two captions."""
        shown = paged([Caption("one", 0, 50), Caption("two", 40, 90)], 100, FILM_RATE)
        assert [(c.first, c.last) for c in shown] == [(0, 40 - GAP), (40, 90)]

    @pytest.mark.parametrize("later", [0, 1, 21])
    def test_two_at_once_share_the_screen(self, later: int) -> None:
        """What is said together, or so soon after that the first could not be read, is shown together."""
        shown = paged([Caption("Yes.", 0, 30), Caption("No.", later, later + 24)], 60, FILM_RATE)
        assert shown == (Caption("– Yes.\n– No.", 0, max(30, later + 24)),)

    def test_three_at_once_have_a_dash_each(self) -> None:
        """However many speak together, each has one dash."""
        shown = paged([Caption(word, n, 40) for n, word in enumerate(("Yes.", "No.", "Oh."))], 60, FILM_RATE)
        assert [line for c in shown for line in c.text.split("\n")] == ["– Yes.", "– No.", "– Oh."]

    def test_one_that_is_over_stays_alone(self) -> None:
        """A caption that was to be short, and ends before the next begins, is left as it is."""
        captions = (Caption("Yes.", 0, 6), Caption("No.", 8, 30))
        assert paged(captions, 60, FILM_RATE) == captions

    def test_long_speech_turns_pages(self) -> None:
        """A long text is shown page after page within its time."""
        text = " ".join(f"word{n}" for n in range(40))
        shown = paged([Caption(text, 10, 310)], 400, FILM_RATE)
        assert len(shown) > 1 and all(len(c.text.split("\n")) <= LINES for c in shown)
        assert (shown[0].first, shown[-1].last) == (10, 310)
        assert " ".join(" ".join(c.text.split()) for c in shown) == text


class TestReadingFrames:
    @pytest.mark.parametrize(("text", "frames"), [("No.", 20), ("x" * 17, 24), ("a " * 40, 112)])
    def test_follows_the_custom(self, text: str, frames: int) -> None:
        """Five sixths of a second at least, 17 characters a second."""
        assert reading_frames(text, Fraction(24)) == frames


class TestWithin:
    def test_cuts_and_renumbers(self) -> None:
        """A segment's captions are counted from its first frame and end with it."""
        captions = [Caption("a", 0, 10), Caption("b", 20, 40), Caption("c", 50, 60)]
        assert within(captions, 5, 20) == [Caption("a", 0, 5), Caption("b", 15, 20)]
