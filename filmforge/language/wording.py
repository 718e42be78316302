"""What pydantic finds wrong with a film, in a filmmaker's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from filmforge.language import scalars
from filmforge.language.film import Film
from filmforge.language.reading import Path, Reading
from filmforge.language.scalars import shown
from filmforge.language.shape import annotation_at, keys_of, part_in, value_at

_PATTERNS = {
    rf"^{scalars.ID}$": "is not an id; ids have small letters, digits, - and _, and begin with a letter",
    rf"^{scalars.MODEL_NAME}$": "is not the name of a model; write one from `models`, or a family's id",
    rf"^{scalars.SHOT_NAME}$": "is not the name of a shot; write its id, or scene/id for another scene's",
    rf"^{scalars.COLOR}$": "is not a colour; write it as '#rrggbb', in quotes",
}


_TAGS = frozenset({"<path>", "<by model>", "<by expert>", "<file>", "<training>", "<sound>", "<word>"})
"""What the film's unions call their members; pydantic puts it into the location of an error."""


def report(wrong: ValidationError, data: Any, reading: Reading) -> None:
    """Report each error of a validation of `data` to `reading`, at its path in the film."""
    for error in wrong.errors(include_url=False):
        path, of_key = _path(error)
        message = "".join(_said(error, path, of_key, data, reading))
        reading.fail(path, _as_written(message, error["input"], reading.as_written(path)))


def _as_written(message: str, given: Any, written: str | None) -> str:
    """`message` with a number quoted as it stands in the file: 0x720 is 1824, and nobody wrote that."""
    number = shown(given)
    if type(given) not in (int, float) or written is None or not message.startswith(number):
        return message
    return written + message.removeprefix(number).replace(f'"{number}"', f'"{written}"')


def places(wrong: ValidationError) -> tuple[set[Path], set[Path]]:
    """The paths of values that are wrong, and those of entries whose names are."""
    found = [_path(error) for error in wrong.errors(include_url=False, include_input=False)]
    return {path for path, of_key in found if not of_key}, {path for path, of_key in found if of_key}


def _path(error: ErrorDetails) -> tuple[Path, bool]:
    """The path in the film of pydantic's error, and whether it is the key there that is wrong."""
    # The last step is [key] where a key of a mapping is meant; an unknown key may look like a tag.
    location = error["loc"]
    of_key = bool(location) and location[-1] == "[key]"
    steps = location[:-1] if of_key else location
    unknown = len(steps) - 1 if error["type"] == "extra_forbidden" else -1
    return tuple(step for n, step in enumerate(steps) if step not in _TAGS or n == unknown), of_key


def _said(error: ErrorDetails, path: Path, of_key: bool, data: Any, reading: Reading) -> Iterator[str]:
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    match kind:
        case "missing":
            yield from _missing(path, data)
        case "extra_forbidden":
            yield from _unknown_key(path, data, reading)
        case "value_error":
            yield str(context["error"])
        case "string_pattern_mismatch":
            found = _PATTERNS.get(context["pattern"])
            yield f"{shown(given)} {found}" if found else "is empty; write some text"
        case "string_type":
            yield f"{shown(given)} is not an id; write a word" if of_key else _not_text(given)
        case "literal_error":
            yield from _not_one_of(given, context["expected"], path, data, reading)
        case "greater_than_equal" | "greater_than" | "less_than_equal" | "less_than":
            yield f"{shown(given)} is out of range; it is {_limit(kind, context)}"
        case "int_type" | "int_from_float" | "int_parsing" | "int_parsing_size":
            yield "has no value" if given is None else f"{shown(given)} is not a whole number"
        case "float_type" | "finite_number":
            yield "has no value" if given is None else f"{shown(given)} is not a number"
        case "bool_type":
            yield f"{shown(given)} is neither true nor false; write one of these words"
        case "tuple_type":
            yield f"{shown(given)} is not a list; write each item on its own line after '- '"
        case "dict_type" | "model_type" | "model_attributes_type":
            yield from _not_a_mapping(given, path, data)
        case _:
            yield f"{shown(given)} does not fit: {error['msg']}"


def _missing(path: Path, data: Any) -> Iterator[str]:
    yield f"is missing{_description(path, data)}"


def _description(path: Path, data: Any) -> str:
    """What belongs at `path`, after a semicolon; empty where nothing is said of it."""
    part = part_in(annotation_at(path[:-1], data), value_at(path[:-1], data))
    field = keys_of(part).get(str(path[-1])) if part else None
    return f"; {field.description}" if field is not None and field.description else ""


def _unknown_key(path: Path, data: Any, reading: Reading) -> Iterator[str]:
    key = str(path[-1])
    part = part_in(annotation_at(path[:-1], data), value_at(path[:-1], data))
    known = list(keys_of(part)) if part else []
    yield f"unknown key {shown(key)}{reading.key_meant(key, known)}"


def _not_text(given: Any) -> str:
    if given is None:
        return "has no value; write some text, or remove the key"
    if isinstance(given, dict):
        return "is a mapping where text is wanted; text that begins with { needs quotes around it"
    if isinstance(given, list):
        return "is a list where text is wanted; text that begins with [ needs quotes around it"
    what = "true or false" if isinstance(given, bool) else "a number"
    return f'{shown(given)} is {what} where text is wanted; put quotes around it: "{shown(given)}"'


def _not_one_of(given: Any, expected: str, path: Path, data: Any, reading: Reading) -> Iterator[str]:
    words = re.findall(r"'([^']*)'", expected)
    if len(words) == 1:  # the word that may stand for what the key is otherwise
        yield f"{shown(given)} is not {words[0]}{_description(path, data)}"
        return
    yield f"{shown(given)} is not one of {', '.join(words)}"
    if type(given) is str:
        yield reading.meant(given, words)


def _limit(kind: str, context: dict[str, Any]) -> str:
    words = {"greater_than_equal": "at least", "greater_than": "more than", "less_than_equal": "at most"}
    short = {"greater_than_equal": "ge", "greater_than": "gt", "less_than_equal": "le", "less_than": "lt"}
    return (
        f"{words.get(kind, 'less than')} {context[short[kind]]:g}"
        if kind != "less_than"
        else "less than 2**63"
    )


def _not_a_mapping(given: Any, path: Path, data: Any) -> Iterator[str]:
    if given is None:
        yield "has no value; write what belongs to it, or remove the key"
        return
    annotation = annotation_at(path, data) or Film
    part = part_in(annotation, given)
    keys = list(keys_of(part))[:4] if part else []
    yield f"{shown(given)} is not a mapping; write "
    yield f"keys such as {', '.join(keys)}" if keys else "`name: value`"
