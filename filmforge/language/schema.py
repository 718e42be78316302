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
    film = _without_titles(Film.model_json_schema(by_alias=True))
    parts = film.pop("$defs")
    film["properties"]["profiles"]["additionalProperties"] = {"$ref": "#/$defs/Overlay"}
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


def _without_titles(schema: Any) -> Any:
    """The schema without the titles that pydantic makes of names; a field called `title` is none of them."""
    if isinstance(schema, dict):
        kept = {k: v for k, v in schema.items() if not (k == "title" and isinstance(v, str))}
        return {key: _without_titles(value) for key, value in kept.items()}
    if isinstance(schema, list):
        return [_without_titles(one) for one in schema]
    return schema


if __name__ == "__main__":
    write_schema(Path(__file__).parents[2] / "schemas" / "film.schema.json")
