"""The page of a training: what is drawn where, read back from its pixels."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from filmforge.lora.curve import Curve, Measured
from filmforge.lora.page import Column, averaged, draw_page, ticks

ORANGE, GREEN, BLUE, PURPLE = (209, 102, 28), (44, 138, 75), (47, 111, 176), (122, 90, 166)


def places(page: Image.Image, colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels of a colour, below the legend's."""
    near = np.abs(np.asarray(page, int) - colour).max(axis=2) < 30
    near[: 48 + 36 + 24 + 8 + 40] = False
    rows, columns = np.nonzero(near)
    return rows, columns


def curve(held_out: list[float], steps: int = 100, done: int = 100) -> Curve:
    losses = tuple(1.0 - 0.5 * step / steps for step in range(done))
    rates = tuple(1e-3 * (1 - step / steps) for step in range(done))
    measured = tuple(Measured(20 * n, (value, value)) for n, value in enumerate(held_out))
    return Curve(steps, losses, rates, measured)


def test_the_lines_go_where_the_numbers_go() -> None:
    """Loss and rate fall from left to right; the held-out loss turns; the mark is at the step that is kept."""
    page = draw_page("lora/mira@pocket", {"transformer": curve([1.0, 0.8, 0.7, 0.6, 0.85, 0.9])})
    for colour in (BLUE, PURPLE):
        rows, columns = places(page, colour)
        assert rows[columns.argmin()] < rows[columns.argmax()]
    rows, columns = places(page, ORANGE)
    lowest = columns[rows.argmax()]
    mark = np.bincount(places(page, GREEN)[1]).argmax()
    assert abs(lowest - mark) < 6
    assert abs(mark - (90 + (1200 - 90 - 36) * 0.6)) < 3


def test_a_training_under_way_leaves_room_for_the_rest() -> None:
    """The axis is of all steps: half a training fills half the plot."""
    page = draw_page("x", {"transformer": curve([], done=50)})
    _, columns = places(page, BLUE)
    assert abs(columns.max() - (90 + (1200 - 90 - 36) * 0.5)) < 12
    assert len(places(page, ORANGE)[0]) == 0


def test_pictures_stand_in_columns() -> None:
    """A row for each prompt; a prompt without a picture leaves its place empty. Two experts have two plots."""
    red, blue = (Image.new("RGB", (160, 96), colour) for colour in ((255, 0, 0), (0, 0, 255)))
    columns = [Column("the photo", [red]), Column("step 0", [red, blue])]
    both = {"transformer": curve([1.0, 0.5]), "transformer_2": curve([1.0, 0.5])}
    page = np.asarray(draw_page("x", both, ["mira waves", "an owl"], columns))
    reds, blues = ((page == colour).all(axis=2) for colour in ((255, 0, 0), (0, 0, 255)))
    assert reds.sum() == 2 * blues.sum() > 0
    assert np.nonzero(blues)[0].min() > np.nonzero(reds)[0].max()
    assert np.nonzero(blues)[1].min() > 300
    one = draw_page("x", {"transformer": both["transformer"]})
    assert page.shape[0] > 1.8 * one.height - 100


@pytest.mark.parametrize("of", [curve([], done=0), curve([0.5], done=1), Curve(1, (0.3,), (0.0,))])
def test_the_least_there_is_to_draw(of: Curve) -> None:
    """No step yet, one step, a rate of nothing."""
    assert draw_page("x", {"transformer": of}).width == 1200


def test_ticks_are_round() -> None:
    """1, 2 and 5 times a power of ten, within the range."""
    assert ticks(0, 450, 8) == [0, 100, 200, 300, 400]
    assert ticks(0.24, 0.74, 5) == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7])
    assert ticks(0, 1.05e-3, 2) == pytest.approx([0, 1e-3])
    assert ticks(3, 3, 5) == [3]


def test_averages() -> None:
    """Of each point and those before it, as many as there are at the beginning."""
    assert averaged([(1, 4.0), (2, 2.0), (3, 0.0)], 2) == [(1, 4.0), (2, 3.0), (3, 1.0)]
