"""Suggestions for mistyped names."""

import pytest

from filmforge.language.film import Character, Credits, Film, Line, Scene, Shot, Sound, Start
from filmforge.language.models import Model
from filmforge.language.nearest import did_you_mean, instead, keys_meant, nearest
from filmforge.language.part import Part
from filmforge.language.shape import keys_of


def test_a_slip_is_recognised() -> None:
    """A letter too few, too many or exchanged still finds the name."""
    known = ["prompt", "camera", "lasts"]
    assert nearest("promt", known) == "prompt"
    assert nearest("Lasts", known) == "lasts"
    assert nearest("camrea", known) == "camera"


def test_what_is_not_near_is_not_suggested() -> None:
    """A wild guess helps nobody."""
    assert nearest("sunshine", ["prompt", "lasts"]) is None
    assert nearest("", ["a"]) is None
    assert nearest("x" * 500, ["x" * 499]) is None


def test_a_film_of_many_shots_is_searched_quickly() -> None:
    """Ten thousand names are no reason to wait."""
    assert nearest("shot70O0", [f"shot{i}" for i in range(10_000)]) is not None


@pytest.mark.parametrize(
    ("part", "written", "meant"),
    [
        (Shot, "duration", ["lasts"]),
        (Shot, "Length", ["lasts"]),
        (Shot, "seconds", ["lasts"]),
        (Shot, "frames", ["lasts"]),
        (Shot, "num_frames", ["lasts"]),
        (Line, "duration", ["lasts"]),
        (Credits, "duration", ["roll"]),
        (Shot, "text", ["prompt", "title", "says"]),
        (Shot, "caption", ["says"]),
        (Film, "caption", ["captions"]),
        (Shot, "video", ["clip"]),
        (Shot, "image", ["still"]),
        (Start, "picture", ["image"]),
        (Character, "images", ["photos"]),
        (Shot, "audio", ["sound"]),
        (Scene, "audio", ["music"]),
        (Sound, "audio", ["file"]),
        (Shot, "negative-prompt", ["negative"]),
        (Film, "resolution", ["size"]),
        (Model, "resolution", ["size"]),
        (Film, "name", ["title"]),
        (Scene, "name", ["id"]),
        (Model, "guidance_scale", ["guidance"]),
        (Shot, "promt", ["prompt"]),
        (Shot, "resolution", []),
        (Shot, "bogus", []),
    ],
)
def test_a_key_by_another_name(part: type[Part], written: str, meant: list[str]) -> None:
    """What is called otherwise elsewhere is answered with what that part calls it, else with what is near, if any."""
    known = list(keys_of(part))
    found = keys_meant(written, known)
    assert found == meant


def test_several_are_offered_in_one_question() -> None:
    """However many there are."""
    assert did_you_mean([]) == ""
    assert did_you_mean(["a"]) == "; did you mean 'a'?"
    assert did_you_mean(["a", "b", "c"]) == "; did you mean 'a', 'b' or 'c'?"


def test_where_nothing_is_near_the_known_ones_are_named() -> None:
    """As many as one reads; and nothing is said where there is none."""
    assert instead("oen", ["one", "two"]) == "; did you mean 'one'?"
    assert instead("zz", ["one", "two"]) == "; there are one, two"
    assert instead("zz", [f"s{i}" for i in range(20)], "it has").endswith(", s10, s11, ...")
    assert instead("zz", []) == ""
