"""A shot with several characters: which of them are kept apart, what that adds to a key, and what leaves it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import filmforge
from tests.conftest import WriteFilm
from tests.media import write_photo

FILM = """\
fps: 8
seed: 1
model: {model}
characters:
  mira: {{looks: a girl in red, photos: photos}}
  otto: {{looks: an old walrus, photos: photos}}
  dog: a small dog
styles: {{storm: {{prompt: heavy rain}}}}
scenes:
  - id: a
    style: storm
    shots:
      - {{id: one, prompt: "{{mira}} waves at {{dog}}", lasts: 5f, seed: 1}}
      - {{id: two, prompt: "{{mira}} waves and {{otto}} sleeps", lasts: 5f, seed: 1{apart}}}
"""
COMPILED = "hero\nmodels: {hero: {use: pocket, compile: true}}"


@pytest.fixture
def planned(write_film: WriteFilm, tmp_path: Path) -> Any:
    for number in range(2):
        write_photo(tmp_path / "photos" / f"{number}.png", (200, 30 + number, 20))

    def plan(apart: str = "", model: str = "pocket") -> Any:
        return filmforge.plan(filmforge.load(write_film(FILM.format(apart=apart, model=model))))

    return plan


def params(plan: Any, shot: str) -> dict[str, Any]:
    return dict(plan.steps[f"render/a/{shot}@1"].step.params)


def test_two_characters_stand_as_they_are_named(planned: Any) -> None:
    """From left to right, each told its own sentence, for three quarters of the steps behind walls."""
    assert params(planned(), "two")["apart"] == {
        "who": ["mira", "otto"],
        "words": [
            "mira, a girl in red, waves, heavy rain",
            "otto, an old walrus, sleeps, heavy rain",
        ],
        "walls": 12,
    }


def test_another_order(planned: Any) -> None:
    other = params(planned(", apart: [otto, mira]"), "two")["apart"]
    assert other["who"] == ["otto", "mira"]
    assert other["words"][1].startswith("mira, a girl in red, waves")


def test_none_is_the_sum_as_it_was(planned: Any) -> None:
    """Its params are those of a shot before there was `apart`, and so is its key."""
    apart, summed = params(planned(), "two"), params(planned(", apart: none"), "two")
    assert "apart" not in summed
    assert {name: value for name, value in apart.items() if name != "apart"} == summed


def test_one_lora_is_not_kept_apart(planned: Any) -> None:
    """A second character without a LoRA changes nothing of the key."""
    assert "apart" not in params(planned(), "one")


def test_a_family_that_does_not_says_so(planned: Any) -> None:
    """Unasked, the LoRAs are added up, with a note; asked, it is an error at the key."""
    plan = planned(model="mochi-1")
    assert "apart" not in params(plan, "two")
    assert [note for note in plan.outline.notes if "a/two: the LoRAs of mira and otto are added up" in note]
    with pytest.raises(filmforge.FilmError, match=r"apart: mochi-1 does not keep characters apart"):
        planned(", apart: [mira, otto]", model="mochi-1")


def test_a_family_that_does_when_asked(planned: Any) -> None:
    """It is not measured on the big ones: their shots keep the keys that they had, with a note of how it is asked for."""
    plan = planned(model="wan2.2-ti2v-5b")
    assert "apart" not in params(plan, "two")
    assert [note for note in plan.outline.notes if "`apart: [mira, otto]` keeps them apart" in note]
    asked = params(planned(", apart: [mira, otto]", model="wan2.2-ti2v-5b"), "two")
    assert asked["apart"]["who"] == ["mira", "otto"]
    assert 0 < asked["apart"]["walls"] < asked["steps"] / 2


def test_why_says_what_changed(planned: Any) -> None:
    from filmforge.planning.reasons import differing
    from filmforge.planning.words import change

    before, after = (params(planned(more), "two") for more in ("", ", apart: [otto, mira]"))
    found = {reason.path for reason in differing("", before, after)}
    assert found == {"apart.who", "apart.words"}
    assert change("the order", next(differing("", before, after)), text=False) == "the order changed"


def test_compiled_blocks_are_refused(planned: Any) -> None:
    """What is compiled would not be asked strip by strip; added up, it may be."""
    with pytest.raises(
        filmforge.FilmError, match=r"compiled blocks of model 'hero' do not keep mira and otto apart"
    ):
        planned(model=COMPILED)
    assert "apart" not in params(planned(", apart: none", model=COMPILED), "two")
