"""The prompts that models are given."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmforge.language.prompt import Name, compose_prompt, compose_strip, pieces

from .conftest import film_with, read

TOP = (
    "negative: blurry\n"
    "characters:\n"
    "  mira: {looks: 'a keeper in a red coat.', photos: mira}\n"
    "  otto: {looks: an old fisherman, photos: otto, trigger: ottoman}\n"
    "  crowd: {looks: people on the pier}\n"
    "  ghost: {photos: ghost}\n"
    "styles: {storm: {prompt: '35mm film, rain', negative: cartoon}}\n"
    "places: {cliff: a cliff at dusk}\n"
)


def composed(prompt: str, more: str = "") -> str:
    """The prompt in full of a shot with `prompt`."""
    film = read(film_with(TOP, f"      - {{id: one, prompt: {json.dumps(prompt)}, lasts: 1s{more}}}\n"))
    ((scene, shot),) = film.shots()
    return compose_prompt(film, scene, shot).text


class TestText:
    """Names become trigger words and looks; camera, place and style follow."""

    @pytest.mark.parametrize(
        ("prompt", "text"),
        [
            ("{mira} climbs", "mira, a keeper in a red coat, climbs"),
            ("{mira}, alone", "mira, a keeper in a red coat, alone"),
            ("the face of {mira}", "the face of mira, a keeper in a red coat"),
            ("{mira} and {otto} talk", "mira, a keeper in a red coat, and ottoman, an old fisherman, talk"),
            ("{mira} sees {mira}", "mira, a keeper in a red coat, sees mira"),
            ("{mira} 's", "mira, a keeper in a red coat, 's"),
            ("{mira}’s lantern", "mira’s lantern, mira, a keeper in a red coat"),
            ("{crowd} wave", "people on the pier wave"),
            ("{ghost} appears", "ghost appears"),
            ("a {{brace}}", "a {brace}"),
            ("two\n  lines", "two lines"),
            ("{mira} runs. ", "mira, a keeper in a red coat, runs."),
        ],
    )
    def test_names(self, prompt: str, text: str) -> None:
        """The sentence stays one that can be read aloud."""
        assert composed(prompt) == text

    def test_what_follows(self) -> None:
        """Camera, place, style, in this order, with commas and without a full stop in between."""
        full = composed("The sea is calm.", ", camera: pan left, place: cliff, style: storm")
        assert full == "The sea is calm, pan left, a cliff at dusk, 35mm film, rain"
        assert composed("Is it calm?", ", camera: pan left") == "Is it calm? pan left"

    def test_the_characters_and_the_negative(self) -> None:
        """Who is named, once each in order; and what the picture is kept from, the widest first."""
        told = "prompt: '{otto} sees {mira} and {otto}', style: storm, negative: fog"
        shot = f"      - {{id: a, lasts: 1s, {told}}}\n"
        film = read(film_with(TOP, shot))
        prompt = compose_prompt(film, *film.shots()[0])
        assert prompt.characters == ("otto", "mira")
        assert prompt.negative == "blurry, cartoon, fog"


class TestStrips:
    """What each of several characters is told alone, where they are kept apart."""

    @pytest.mark.parametrize(
        ("prompt", "mira", "otto"),
        [
            ("{mira} waves and {otto} sleeps", "MIRA, waves", "OTTO, sleeps"),
            ("{mira} and {otto} wave", "MIRA, wave", "OTTO, wave"),
            ("at noon, {mira} and {otto} wave", "at noon, MIRA, wave", "at noon, OTTO, wave"),
            ("{mira} climbs while {otto} rests. {crowd} wait", "MIRA, climbs, people on the pier wait",
             "OTTO, rests, people on the pier wait"),
            ("{mira} gives {otto} the lamp", "MIRA, gives the lamp", "gives OTTO, the lamp"),
            ("a shot of {mira}, {otto} and {crowd}", "a shot of MIRA, and people on the pier",
             "a shot of OTTO, and people on the pier"),
            ("{mira}'s lamp shines on {otto}", "mira's lamp shines on, MIRA", "lamp shines on OTTO"),
            ("{mira}{otto}", "MIRA", "OTTO"),
            ("{mira} waves and {otto} naps, a full shot, at noon", "MIRA, waves, a full shot, at noon",
             "OTTO, naps, a full shot, at noon"),
            ("{mira} waves. It rains. {otto}, who is old, naps", "MIRA, waves, It rains",
             "It rains, OTTO, who is old, naps"),
        ],
    )  # fmt: skip
    def test_of_two(self, prompt: str, mira: str, otto: str) -> None:
        """What is said of the one alone is not told to the other, and what is said of both or of nobody is told to both."""
        full = {"MIRA": "mira, a keeper in a red coat", "OTTO": "ottoman, an old fisherman"}
        film = read(film_with(TOP, f"      - {{id: one, prompt: {json.dumps(prompt)}, lasts: 1s}}\n"))
        scene, shot = film.shots()[0]
        for who, told in (("mira", mira), ("otto", otto)):
            for short, words in full.items():
                told = told.replace(short, words)
            assert compose_strip(film, scene, shot, who, ("mira", "otto")) == told

    def test_what_follows_is_told_to_each(self) -> None:
        """Camera, place and style."""
        shot = "      - {id: a, lasts: 1s, prompt: '{mira} and {otto} wave', camera: pan left, place: cliff, style: storm}\n"
        film = read(film_with(TOP, shot))
        told = compose_strip(film, *film.shots()[0], "otto", ("mira", "otto"))
        assert told == "ottoman, an old fisherman, wave, pan left, a cliff at dusk, 35mm film, rain"


@given(st.text(max_size=80))
def test_any_prompt_is_split_or_refused(text: str) -> None:
    """What is not a name comes back as it was; braces doubled stay braces."""
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert "".join(piece for piece in pieces(doubled) if isinstance(piece, str)) == text
    try:
        found = pieces(text)
    except ValueError:
        return
    assert all(isinstance(piece, (str, Name)) for piece in found)
