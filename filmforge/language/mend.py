"""Stands in for what could not be read, so that the rest of a film can be checked at the same time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from filmforge.language.reading import Path
from filmforge.language.shape import annotation_at, items_of, keys_of, part_in, value_at

_BLANKS: dict[str, Any] = {
    "filmforge": 1,
    "use": "animatic",
    "kind": "first-block",
    "file": "unreadable",
    "text": "unreadable",
    "roll": "1f",
}
"""Something that passes for each required value; nothing is ever said of it."""


def mended(data: Any, broken: Iterable[Path], keys: Iterable[Path]) -> Any:
    """A copy of `data` with what stands at `broken` taken away, or replaced where something must stand there.

    `keys` are the paths of entries whose names are wrong; these go.
    """
    result = _copied(data)
    for path in sorted(set(broken), key=len, reverse=True):
        result = _mend(result, path, data)
    for path in keys:
        holder = value_at(path[:-1], result)
        if isinstance(holder, dict):
            holder.pop(str(path[-1]), None)
    return result


def _copied(value: Any) -> Any:
    if type(value) is dict:
        return {key: _copied(one) if type(one) in (dict, list) else one for key, one in value.items()}
    if type(value) is list:
        return [_copied(one) if type(one) in (dict, list) else one for one in value]
    return value


def _mend(result: Any, path: Path, data: Any) -> Any:
    if not path:
        return _blank(path, data)
    holder = value_at(path[:-1], result)
    step = path[-1]
    if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
        holder[step] = _blank(path, data)
    elif isinstance(holder, dict):
        if _must_stand(path, data):
            holder[str(step)] = _blank(path, data)
        else:
            holder.pop(str(step), None)
    else:
        # A shorthand: text stands for a part, and what is wrong lies within that part.
        return _mend(result, path[:-1], data)
    return result


def _must_stand(path: Path, data: Any) -> bool:
    """Whether a value has to stand at `path`: a required one, or one that goes by a name others may use."""
    holder = annotation_at(path[:-1], data)
    part = part_in(holder, value_at(path[:-1], data))
    if part is None:
        return holder is not None
    field = keys_of(part).get(str(path[-1]))
    return field is not None and field.is_required()


def _blank(path: Path, data: Any) -> Any:
    last = path[-1] if path else ""
    if last == "id":
        return f"unreadable{'-'.join(str(step) for step in path if isinstance(step, int))}"
    if last in _BLANKS:
        return _BLANKS[str(last)]
    if last in ("scenes", "shots"):
        return [_blank((*path, 0), data)]
    annotation = annotation_at(path, data)
    part = part_in(annotation, {}) if annotation is not None else None
    if part is not None:
        required = [key for key, field in keys_of(part).items() if field.is_required()]
        return {key: _blank((*path, key), data) for key in required}
    if annotation is not None and items_of(annotation, dict) is not None:
        return {}
    return 0 if isinstance(last, int) else "unreadable"
