"""The JSON Schema of the film language, as editors want it: completion, descriptions, red underlines.

It is made from the models that films are read with, and kept in `schemas/film.schema.json`. What spans parts
of a film (names that must exist, cycles, files) is for `filmforge check`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from filmforge.language.film import Film

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema, draft 2020-12, the same each time."""
    film = _tidied(Film.model_json_schema(by_alias=True))
    parts = film.pop("$defs")
    named = film["properties"]["profiles"]["patternProperties"]
    film["properties"]["profiles"]["patternProperties"] = {key: {"$ref": "#/$defs/Overlay"} for key in named}
    parts["Overlay"] = _overlay(film)
    defs = dict(sorted(parts.items()))
    return {"$schema": DIALECT, "title": "A film for filmforge", **film, "$defs": defs}


def schema_text() -> str:
    """The schema as it is kept in a file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def write_schema(path: str | Path) -> None:
    """Write the schema to `path`. For the repository: `python -m filmforge.language.schema`."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(schema_text(), encoding="utf-8")


def _overlay(film: dict[str, Any]) -> dict[str, Any]:
    """A profile: keys of the film, none of them required; what is merged may be given in part."""
    properties: dict[str, Any] = {}
    for key, schema in film["properties"].items():
        if key not in ("filmforge", "profiles"):
            merged = "$ref" in json.dumps(schema) and schema.get("type") != "array"
            properties[key] = {"description": schema["description"]} if merged else schema
    return {
        "type": "object",
        "description": "A profile, laid over the film key by key: lists are replaced, mappings merged.",
        "properties": properties,
        "additionalProperties": False,
    }


def _tidied(schema: Any) -> Any:
    """The schema without the titles that pydantic makes of names, and with unions that overlap.

    A field called `title` is no title; `oneOf` with `required` is our own: one of those keys is given.
    """
    if isinstance(schema, list):
        return [_tidied(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        union = key == "oneOf" and isinstance(value, list) and not all("required" in one for one in value)
        tidied["anyOf" if union else key] = _tidied(value)
        if key == "patternProperties":
            tidied["additionalProperties"] = False  # a key that is no id
    return tidied


if __name__ == "__main__":
    write_schema(Path(__file__).parents[2] / "schemas" / "film.schema.json")
