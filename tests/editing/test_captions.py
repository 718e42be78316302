"""Captions: lines, pages, times, files and pictures."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmforge.editing.captions import (
    GAP,
    LINE,
    Caption,
    caption_image,
    paged,
    pages,
    reading_frames,
    within,
    wrap,
    write_srt,
)

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
        """No line is over 42 characters, and all that can be printed is there."""
        lines = wrap(text)
        assert all(len(line) <= LINE for line in lines)
        kept = "".join("".join(lines).split())
        printable = "".join(c for c in text if not re.match(r"[\x00-\x1f\x7f-\x9f]", c) or c.isspace())
        assert kept == "".join("".join(c for c in printable if c not in "\x1c\x1d\x1e\x1f").split())

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
        shown = paged(captions, end)
        assert all(c.first < c.last <= end for c in shown)
        assert all(a.last <= b.first for a, b in pairwise(shown))

    def test_leaves_a_gap(self) -> None:
        """Two frames between two captions."""
        shown = paged([Caption("one", 0, 50), Caption("two", 40, 90)], 100)
        assert [(c.first, c.last) for c in shown] == [(0, 40 - GAP), (40, 90)]

    def test_two_at_once_share_the_screen(self) -> None:
        """What is said together is shown together."""
        assert paged([Caption("Yes.", 0, 20), Caption("No.", 0, 24)], 30) == [Caption("– Yes.\n– No.", 0, 24)]

    def test_long_speech_turns_pages(self) -> None:
        """A long text is shown page after page within its time."""
        text = " ".join(f"word{n}" for n in range(40))
        shown = paged([Caption(text, 10, 310)], 400)
        assert len(shown) == len(pages(text)) > 1
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


class TestWriteSrt:
    def test_is_srt(self, tmp_path: Path) -> None:
        """Numbers, times to the millisecond, the text as it is; pysubs2 reads it back."""
        import pysubs2

        captions = [Caption("He said {\\i1}: <b> --> 50%", 0, 24), Caption("Zwei\n\nzwei", 86_400, 86_448)]
        write_srt(tmp_path / "a.srt", captions, Fraction(24000, 1001))
        text = (tmp_path / "a.srt").read_text("utf-8")
        assert text.startswith(
            "1\n00:00:00,000 --> 00:00:01,001\nHe said {\\i1}: <b> → 50%\n\n2\n01:00:03,600 --> "
        )
        events = pysubs2.load(str(tmp_path / "a.srt")).events
        assert [(e.start, e.end) for e in events] == [(0, 1001), (3_603_600, 3_605_602)]

    @given(CAPTIONS)
    @settings(max_examples=40, deadline=None)
    def test_survives_any_text(
        self, tmp_path_factory: pytest.TempPathFactory, captions: list[Caption]
    ) -> None:
        """No text can end an entry or begin another."""
        path = tmp_path_factory.mktemp("srt") / "a.srt"
        write_srt(path, captions, Fraction(24))
        blocks = [block for block in path.read_text("utf-8").split("\n\n") if block.strip()]
        assert len(blocks) == len(captions)


class TestCaptionImage:
    @pytest.mark.parametrize("size", [(1280, 720), (64, 36), (720, 1280)])
    @pytest.mark.parametrize(
        "text", ["Hello there", "", "\x00", "🙂" * 30, "שלום עולם, مرحبا", "x" * 300, "a\n" * 50]
    )
    def test_stays_in_the_picture(self, size: tuple[int, int], text: str) -> None:
        """Any text in any size is drawn inside the picture."""
        image, (x, y) = caption_image(text, size)
        assert image.mode == "RGBA"
        assert x >= 0 <= y
        assert x + image.width <= size[0]
        assert y + image.height <= size[1]

    def test_a_missing_letter_is_a_box(self) -> None:
        """A character that the font lacks leaves a mark."""
        image, _ = caption_image("\U0001f642", (1280, 720))
        assert np.asarray(image)[..., 0].max() == 255
