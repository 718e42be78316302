"""How like a picture is: the scale from the base to the photos, and which frames are looked at."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from filmforge.errors import LoraError
from filmforge.lora.likeness import LEAST_ROOM, looked_at, measure, nearness, nearness_within


def at(*degrees: float) -> Tensor:
    """Vectors of length 1 at these angles."""
    return torch.tensor([[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in degrees])


ALBUM = at(-10, 10)


class TestMeasure:
    def test_the_base_is_nought_and_the_photos_are_one(self) -> None:
        """The two ends of the scale are what the model draws without the LoRA, and the photos themselves."""
        base = at(90)
        assert measure(base, base, ALBUM).likeness == 0
        assert measure(ALBUM, base, ALBUM).likeness == 1

    def test_it_is_linear_in_between(self) -> None:
        """Half-way in nearness is one half."""
        ceiling = nearness_within(ALBUM)
        half = at(math.degrees(math.acos(ceiling / 2)))
        assert measure(half, at(90), ALBUM).likeness == pytest.approx(0.5, abs=1e-3)

    def test_it_ends_at_both_ends(self) -> None:
        """Further away than the base is not less than nothing; nearer than the photos is not more than one."""
        assert measure(at(170), at(90), ALBUM).likeness == 0
        assert measure(at(0), at(90), ALBUM).likeness == 1

    def test_a_base_that_is_like_already_leaves_no_room(self) -> None:
        """The scale is not stretched until noise fills it: what is as near as the photos counts as like."""
        album = at(-30, 30)
        near = measure(at(55), at(52), album)
        assert near.photos - near.base < LEAST_ROOM
        assert 0 < measure(at(59.9), at(59.8), album).likeness <= 1
        assert measure(at(50), at(59.9), album).likeness == 1

    def test_a_take_without_a_face_is_as_unlike_as_can_be(self) -> None:
        """An embedder of faces gives nothing for it; a base without one is no nearer."""
        nobody = torch.zeros(0, 2)
        assert measure(nobody, at(80), ALBUM).likeness == 0
        assert measure(ALBUM, nobody, ALBUM).likeness == 1

    def test_one_photo_has_nothing_in_common(self) -> None:
        with pytest.raises(LoraError, match="1 of the photos can be compared, and likeness needs 2"):
            measure(at(0), at(90), at(0))


def test_nearness_is_to_what_the_photos_have_in_common() -> None:
    """The cosine to the mean of the album, meaned over the frames."""
    assert nearness(at(0), ALBUM) == pytest.approx(1)
    assert nearness(at(0, 60), ALBUM) == pytest.approx(0.75)


def test_each_photo_is_held_against_the_others() -> None:
    """Never against itself, which would be nearer than any picture can come."""
    assert nearness_within(at(0, 60)) == pytest.approx(0.5)
    assert nearness_within(at(0, 0, 60)) == pytest.approx(
        (2 * math.cos(math.radians(30)) + math.cos(math.radians(60))) / 3
    )


@pytest.mark.parametrize(
    ("count", "most", "frames"),
    [(1, 8, [0]), (3, 8, [0, 1, 2]), (16, 8, [1, 3, 5, 7, 9, 11, 13, 15]), (100, 2, [25, 75]), (9, 1, [4])],
)
def test_frames_are_spread_over_the_take(count: int, most: int, frames: list[int]) -> None:
    assert looked_at(count, most) == frames
