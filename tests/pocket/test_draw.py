"""Training material: the same number is the same shard, and twins differ in left and right alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip(
    "skia", exc_type=ImportError, reason="drawing the world needs skia-python: pip install skia-python"
)

from pocket.draw import describe, opposite, shots
from pocket.world import Shot, sample_shot

DIRECTIONS = {"left", "right"}


def test_opposite_turns_one_direction_round() -> None:
    """Walkers and pans, and nothing else of the shot; a shot with none of them, or with both, has no opposite."""
    found = 0
    for seed in range(60):
        shot = sample_shot(np.random.default_rng(seed))
        other = opposite(shot)
        directions = [shot.camera.startswith("pan"), *(p.action.startswith("walk") for p in shot.players)]
        if len(shot.players) > 1 or sum(directions) != 1:
            assert other is None
            continue
        assert other is not None and other != shot and opposite(other) == shot
        assert replace(other, camera=shot.camera, players=shot.players) == shot
        found += 1
    assert found > 10


def test_twins_come_two_by_two_in_the_same_words() -> None:
    """Each pair is a shot and its opposite, told alike but for left and right."""
    drawn = [shot for shot, _, _ in shots("twins", 3)]
    assert len(drawn) == 20
    for pair in zip(drawn[::2], drawn[1::2], strict=True):
        assert opposite(pair[0]) == pair[1]
        told = [_captions(shot) for shot in pair]
        for one, other in zip(*told, strict=True):
            assert len(one) == len(other)
            differing = {
                word for words in zip(one, other, strict=True) if len(set(words)) > 1 for word in words
            }
            assert differing <= DIRECTIONS
        assert told[0] != told[1]


def _captions(shot: Shot) -> list[list[str]]:
    captions = describe(shot, np.random.default_rng(5), still=False)["captions"]
    assert isinstance(captions, list)
    return [caption.replace(",", " ").replace(".", " ").split() for caption in captions]
