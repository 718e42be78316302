"""What runs and why, said in words of the film."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import filmforge
from benchmarks.trivial import TrivialExecutor
from filmforge.planning.words import changed_words
from tests.conftest import WriteFilm

FILM = """\
seed: 1
size: 64x36
models: {hero: {use: pocket}}
model: hero
characters: {mira: {looks: a keeper, photos: characters/mira}}
places: {cliff: on a cliff}
scenes:
  - id: arrival
    place: cliff
    shots:
      - {id: wide, prompt: "{mira} climbs the path", lasts: 2s, seed: 7}
      - {id: close, prompt: she lifts the lantern and looks out to sea, lasts: 2s, seed: 3, start: {from: wide}}
      - {id: free, prompt: a gull, lasts: 2s}
      - {id: many, prompt: a wave, lasts: 2s, takes: [1, 2], join: {dissolve: 6f}}
      - {id: end, title: THE END, lasts: 1s}
"""

Say = Callable[[str, str], dict[str, str]]


@pytest.fixture
def say(write_film: WriteFilm, photo_folder: Callable[..., str], tmp_path: Path) -> Say:
    """Makes an edit in a film that was built, and gives the sentence of each stale step by its name."""
    photo_folder()
    film = write_film(FILM)
    filmforge.build(filmforge.load(film), executor=TrivialExecutor(tmp_path / ".filmforge/tmp/work"))

    def edited(old: str, new: str) -> dict[str, str]:
        text = film.read_text(encoding="utf-8")
        assert old in text
        film.write_text(text.replace(old, new), encoding="utf-8")
        planned = filmforge.plan(filmforge.load(film))
        return {p.step.name: planned.words.sentence(p) for p in planned.resolution.stale()}

    return edited


class TestSentences:
    def test_prompt_and_start(self, say: Say) -> None:
        """The words that differ, and the shot that the start frame comes from, though that waits for its own LoRA."""
        said = say("looks out to sea", "looks down to sea")
        assert (
            said["render/arrival/close@3"]
            == 'arrival/close renders: prompt changed ("looks out" -> "looks down")'
        )
        assert said["segment/arrival/close"] == (
            "arrival/close's piece of the cut may be encoded: its picture comes from arrival/close, which renders"
        )
        assert said["cut/main"] == "the film may be assembled: a piece of the cut may come out different"

    def test_both_at_once(self, say: Say) -> None:
        """A shot that changed, and starts from one that changed too, says both in one sentence."""
        said = say("on a cliff", "on a beach")
        assert said["render/arrival/close@3"] == (
            'arrival/close renders: prompt changed ("a cliff" -> "a beach"); '
            "its start frame comes from arrival/wide, which also renders"
        )

    def test_takes_are_told_apart(self, say: Say) -> None:
        """Where a shot has several takes, each is named by its seed."""
        said = say("a wave", "a high wave")
        assert said["render/arrival/many@2"].startswith("arrival/many, take 2, renders: prompt changed")
        assert said["segment/arrival/many~join"].startswith("the join into arrival/many may be encoded")

    def test_lora(self, say: Say) -> None:
        """A LoRA is its character's and its model's; what needs it may render."""
        said = say("photos: characters/mira}", "photos: characters/mira, lora: {steps: 9, weight: 0.5}}")
        assert said["lora/mira@hero"] == "mira's LoRA for hero is trained: steps changed (270 -> 9)"
        assert said["render/arrival/wide@7"] == (
            "arrival/wide renders: the weight of mira's LoRA changed (1.0 -> 0.5); mira's LoRA is trained first"
        )
        assert said["render/arrival/close@3"] == (
            "arrival/close may render: its start frame comes from arrival/wide, which also renders"
        )

    def test_another_name_is_another_seed(self, say: Say) -> None:
        """A shot without a seed that is called otherwise says why it renders."""
        said = say("id: free", "id: bird")
        (sentence,) = (s for name, s in said.items() if name.startswith("render/"))
        assert sentence.startswith("arrival/bird renders: it was never made (its seed, ")
        assert sentence.endswith(", is drawn from its name)")

    def test_another_model_says_only_that(self, say: Say) -> None:
        """Everything else follows from the model."""
        said = say("{use: pocket}", "{use: animatic}")
        assert said["render/arrival/many@1"] == (
            "arrival/many, take 1, renders: model changed (pocket -> animatic)"
        )

    def test_card(self, say: Say) -> None:
        """The words on a card."""
        said = say("THE END", "FIN")
        assert (
            said["plate/arrival/end"]
            == 'the picture of arrival/end is drawn: text changed ("THE END" -> "FIN")'
        )


class TestContract:
    def test_reasons_keep_their_form_in_json(self, say: Say, tmp_path: Path) -> None:
        """`because` has the contract's form, as text that JSON writes as any other."""
        say("looks out to sea", "looks down to sea")
        planned = filmforge.plan(filmforge.load(tmp_path / "film.yaml"))
        data = json.loads(json.dumps(planned.steps["render/arrival/close@3"].to_json()))
        assert data["because"] == [
            "prompt: 'she lifts the lantern and looks out to sea, on a cliff' -> "
            "'she lifts the lantern and looks down to sea, on a cliff'"
        ]


class TestChangedWords:
    @pytest.mark.parametrize(
        ("before", "after", "old", "new"),
        [
            ("a b c d", "a b x d", "b c", "b x"),
            ("a b c", "a b c d", "c", "c d"),
            ("a b c d e f", "x b c d y f", "a … d e", "x … d y"),
            ("b c d", "a b c d", "b", "a b"),
            ("on a cliff", "on a high cliff", "a cliff", "a high cliff"),
            ("one two", "three four", "one two", "three four"),
            ("", "a", "", "a"),
        ],
    )
    def test_only_what_differs(self, before: str, after: str, old: str, new: str) -> None:
        """The words that differ with the one before them; whole texts where nothing is alike."""
        assert changed_words(before, after) == (old, new)

    def test_long_texts_are_cut_short(self) -> None:
        """A prompt that is another from beginning to end is not printed whole."""
        old, new = changed_words(" ".join(["a"] * 100), " ".join(["b"] * 100))
        assert max(len(old.split()), len(new.split())) <= 13
