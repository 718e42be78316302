"""Captions: files and pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmforge.editing.captions import Caption, caption_image, write_srt


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

    @given(st.lists(st.text(st.characters(codec="utf-8"), max_size=200), max_size=8))
    @settings(max_examples=40, deadline=None)
    def test_survives_any_text(self, tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
        """No text can end an entry or begin another."""
        captions = [Caption(text, 10 * number, 10 * number + 8) for number, text in enumerate(texts)]
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
