"""The JSON Schema of the film language, as editors want it: completion, descriptions, red underlines.

It is made from the same declarations that films are read with, and kept in `schemas/film.schema.json`. What
spans parts of a film (names that must exist, cycles, files) is for `filmforge check`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from filmforge.language.film import Film
from filmforge.language.kinds import Either, MapOf, PartOf

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema, draft 2020-12, the same each time."""
    parts: dict[str, Any] = {}
    film = Film.schema(parts)
    parts["Overlay"] = _overlay(film, parts)
    return {
        "$schema": DIALECT,
        "title": "A film for filmforge",
        **film,
        "$defs": dict(sorted(parts.items())),
    }


def schema_text() -> str:
    """The schema as it is kept in a file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def write_schema(path: str | Path) -> None:
    """Write the schema to `path`. For the repository: `python -m filmforge.language.schema`."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(schema_text(), encoding="utf-8")


def _overlay(film: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """A profile: keys of the film, none of them required; what is merged may be given in part."""
    properties: dict[str, Any] = {}
    for key, field in Film.fields.items():
        if key in ("filmforge", "profiles"):
            continue
        described = {"description": film["properties"][key]["description"]}
        merged = isinstance(field.kind, (MapOf, PartOf, Either))
        properties[key] = (
            described if merged else {**described, "anyOf": [field.kind.schema(parts), {"type": "null"}]}
        )
    return {
        "type": "object",
        "description": "A profile, laid over the film key by key: lists are replaced, mappings merged.",
        "properties": properties,
        "additionalProperties": False,
    }


if __name__ == "__main__":
    write_schema(Path(__file__).parents[2] / "schemas" / "film.schema.json")
