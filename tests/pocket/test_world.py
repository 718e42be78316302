"""The drawn world: the same shot is always the same drawing, and its words are true."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip(
    "skia", exc_type=ImportError, reason="drawing the world needs skia-python: pip install skia-python"
)

from pocket.action import ACTIONS
from pocket.camera import MOVES, SIZES
from pocket.caption import ACTION_WORDS, CAMERA_WORDS, LIGHT_WORDS, PLACE_WORDS, SIZE_WORDS, caption
from pocket.cast import KINDS, kind_puppet, stranger
from pocket.characters import CHARACTERS, photo
from pocket.palette import COLOURS
from pocket.pattern import TRAINING_PATTERNS, UNSEEN_PATTERNS
from pocket.places import PLACES
from pocket.stagelight import LIGHTS
from pocket.world import Player, Shot, render, sample_shot


def _shot(**kw: object) -> Shot:
    player = Player(kind_puppet("fox", COLOURS["red"]), "fox", "red", "walk right")
    return Shot((player,), "path", **kw)  # type: ignore[arg-type]


def test_the_vocabulary_is_as_large_as_promised() -> None:
    assert len(KINDS) >= 8
    assert len(COLOURS) >= 8
    assert len(PLACES) >= 10
    assert len(ACTIONS) >= 8
    assert len(MOVES) >= 6
    assert len(SIZES) >= 4


def test_every_word_of_the_world_has_wordings() -> None:
    assert set(ACTION_WORDS) == set(ACTIONS)
    assert set(CAMERA_WORDS) == set(MOVES)
    assert set(LIGHT_WORDS) == set(LIGHTS)
    assert set(PLACE_WORDS) == set(PLACES)
    assert set(SIZE_WORDS) == set(SIZES)


def test_a_shot_is_drawn_the_same_every_time() -> None:
    first, again = render(_shot(), 3), render(_shot(), 3)
    assert first.shape == (3, 96, 160, 3)
    assert first.dtype == np.uint8
    assert (first == again).all()


def test_a_seed_chooses_the_same_shot() -> None:
    assert sample_shot(np.random.default_rng(5)) == sample_shot(np.random.default_rng(5))


def test_night_is_darker_than_day() -> None:
    assert render(_shot(light="night"), 1).mean() < 0.7 * render(_shot(light="day"), 1).mean()


def test_walking_moves_and_a_still_camera_keeps_the_paper_still() -> None:
    frames = render(_shot(), 9).astype(int)
    assert np.abs(frames[8] - frames[0]).mean() > 2
    assert np.abs(frames[8, :10, :40] - frames[0, :10, :40]).max() == 0


def test_captions_name_what_is_drawn() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        text = caption(_shot(camera="push in"), rng)
        assert "red fox" in text
        assert any(words in text for words in ACTION_WORDS["walk right"])


def test_strangers_never_wear_what_is_kept_for_unseen_characters() -> None:
    assert not set(TRAINING_PATTERNS) & set(UNSEEN_PATTERNS)
    rng = np.random.default_rng(1)
    for _ in range(300):
        puppet = stranger(rng)
        assert puppet.pattern not in UNSEEN_PATTERNS
        assert puppet.shape != "tri"
        assert puppet.hat not in ("sou", "crown", "leaf")
        assert puppet.muzzle not in ("tusks", "duck")


def test_there_are_unseen_characters_with_photos_and_captions() -> None:
    assert len(CHARACTERS) >= 14
    pixels, words = photo("mira", 0)
    assert pixels.shape == (192, 320, 3)
    assert words.startswith("mira, ")
