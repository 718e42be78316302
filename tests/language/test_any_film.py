"""Whatever a film file holds, it is accepted, or refused with problems that have places."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmforge.errors import FilmError
from filmforge.language.load import load_text

from .conftest import EXAMPLE

TOKENS = [
    *"{}[]:-&*!|>'\"#%@,?\n\t",
    "  ",
    "\n    ",
    "null",
    "4x",
    "1e999",
    "-1",
    "true",
    "..",
    "../",
    "\0",
    "{mira}",
    "*a",
    "&a ",
    "!!str",
    "[]",
    "{}",
    "é",
    "\u202e",
    "😀",
    "9" * 50,
    "x" * 4000,
    "scenes:",
    "shots:",
    "start: {from: wide}",
    "hero",
    "---\n",
]


def mutated(text: str, chance: random.Random) -> str:
    """The text with some of it lost, doubled, moved or replaced."""
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice([0, 1, 3, 10, 80]))
        put = chance.choice(
            [chance.choice(TOKENS), "", text[start:end] * 2, text[chance.randrange(len(text) + 1) :][:40]]
        )
        text = text[:start] + put + text[end:]
    return text


def accepted_or_refused(text: str) -> None:
    """Load `text`; anything but a film or a FilmError with places is a failure."""
    began = time.perf_counter()
    try:
        load_text(text, "film.yaml")
    except FilmError as error:
        assert error.problems
        lines = text.count("\n") + 2
        for problem in error.problems:
            assert 1 <= problem.line <= lines + text.count("\r") + text.count("\u2028") + text.count("\x85")
            assert problem.column >= 1
            assert problem.message
            assert "\n" not in str(problem)
            assert "unreadable" not in str(problem), (
                "what stands in for an unreadable value is nobody's business"
            )
    assert time.perf_counter() - began < 5, text


RINGS = """
scenes:
  - id: {scene}
    shots:
      - {{id: {shot}, prompt: x, lasts: 2s, model: {model}, pick: 3}}
      - {{id: b, prompt: y, lasts: 1s, start: {{from: {shot}, at: 90f}}, join: {{dissolve: 3s}}}}
      - {{id: {shot}, prompt: y, lasts: 500s, start: {{from: b, at: last}}, end: {{from: {shot}, at: first}}}}
  - id: {scene}
    shots: [{{id: b, still: x.png, lasts: 1s}}]
"""


@pytest.mark.parametrize("scene", ["ok", "X1", "[1]"])
@pytest.mark.parametrize("shot", ["a", "A", "''", "{z: 1}"])
@pytest.mark.parametrize("model", ["pocket", "Pp", "wan2.2-ti2v-5b"])
def test_names_that_are_none(scene: str, shot: str, model: str) -> None:
    """What else is wrong is told beside them, and never by a name that the film does not hold."""
    accepted_or_refused("filmforge: 1" + RINGS.format(scene=scene, shot=shot, model=model))


@pytest.mark.parametrize("seed", range(8))
def test_a_mutated_film(seed: int) -> None:
    """Many small mutilations of the example film."""
    chance = random.Random(seed)
    for _ in range(40):
        accepted_or_refused(mutated(EXAMPLE, chance))


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.sampled_from(["4s", "a", "hero", "x/y", "{a}"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "filmforge",
                        "scenes",
                        "shots",
                        "id",
                        "prompt",
                        "lasts",
                        "start",
                        "from",
                        "says",
                        "models",
                        "characters",
                        "lora",
                        "file",
                        "join",
                        "a",
                        "b",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_any_data_under_known_keys(data: object) -> None:
    """Values of any sort in any place."""
    import json

    accepted_or_refused(json.dumps({"filmforge": 1, "scenes": data, "models": data, "characters": data}))
