"""The JSON Schema of the language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filmforge.language.schema import json_schema, schema_text
from filmforge.language.source import Source

from .conftest import EXAMPLE, film_with

KEPT = Path(__file__).parents[2] / "schemas" / "film.schema.json"


@pytest.fixture(scope="module")
def validator() -> Any:
    """A validator of the schema, itself checked against its dialect."""
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


def test_the_kept_schema_is_current() -> None:
    """It is written anew with `python -m filmforge.language.schema`."""
    assert KEPT.read_text(encoding="utf-8") == schema_text(), "run: python -m filmforge.language.schema"


@pytest.mark.parametrize(
    "text", [EXAMPLE, film_with("models: {a: pocket}\nmusic: a.wav\nloudness: null\nfps: 24000/1001\n")]
)
def test_a_good_film_is_valid(validator: Any, text: str) -> None:
    """The example of the language, and shorthands."""
    assert [error.message for error in validator.iter_errors(Source("f", text).data)] == []


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE.replace("lasts: 4s", "lasts: 4"),
        EXAMPLE.replace("camera:", "camra:"),
        EXAMPLE.replace("use: ltx-video", "use: ltx"),
        EXAMPLE.replace("id: wide", "id: Wide"),
        EXAMPLE.replace("{model: sketch}", "{modell: sketch}"),
        EXAMPLE.replace("captions: both", "captions: yes"),
        EXAMPLE.replace('title: {text: "THE END", size: 72}', "still: a.png\n        prompt: x"),
        film_with().replace("filmforge: 1\n", ""),
    ],
)
def test_a_bad_film_is_not(validator: Any, text: str) -> None:
    """An editor marks what `check` would report of a part on its own."""
    assert not validator.is_valid(Source("f", text).data)


def test_every_field_is_described() -> None:
    """An editor shows what a key is for."""
    schema = json_schema()
    for part in (schema, *schema["$defs"].values()):
        assert part["description"]
        assert all("description" in field for field in part["properties"].values())
