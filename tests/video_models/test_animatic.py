"""Storyboard cards."""

from __future__ import annotations

import numpy as np
import pytest

from filmforge.video_models.animatic import draw_card


@pytest.mark.parametrize("size", [(160, 96), (640, 360), (360, 640), (64, 64)])
def test_a_card_has_the_size_asked_for(size: tuple[int, int]) -> None:
    """Wide, tall and small; and there is something on it."""
    card = draw_card("{} \n quotes \"'; emoji 🎬, pan left" * 20, "scene/shot", size, 3)
    assert card.shape == (size[1], size[0], 3)
    assert card.dtype == np.uint8
    assert card.std() > 10


def test_equal_arguments_give_equal_pixels() -> None:
    """And another seed, prompt or shot another card."""
    card = draw_card("mira climbs", "a/b", (160, 96), 1)
    assert np.array_equal(card, draw_card("mira climbs", "a/b", (160, 96), 1))
    for other in (("mira falls", "a/b", 1), ("mira climbs", "a/c", 1), ("mira climbs", "a/b", 2)):
        assert not np.array_equal(card, draw_card(other[0], other[1], (160, 96), other[2]))
