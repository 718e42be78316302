"""What may stand where in a film: the models' own declarations, asked along a path."""

from __future__ import annotations

from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from filmforge.language.film import Film, LoraFile, LoraTraining
from filmforge.language.part import Part


@cache
def keys_of(part: type[Part]) -> dict[str, FieldInfo]:
    """The fields of a part by the keys that they have in a film file."""
    return {field.alias or name: field for name, field in part.model_fields.items()}


@cache
def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The types that `annotation` allows, without None, nor what pydantic is told besides."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(one for each in get_args(annotation) for one in alternatives(each))
    return () if annotation in (None, NoneType) else (annotation,)


def part_in(annotation: Any, given: Any) -> type[Part] | None:
    """The part that may stand at `annotation`, if any; `given` decides where there are several."""
    parts = [one for one in alternatives(annotation) if isinstance(one, type) and issubclass(one, Part)]
    if len(parts) > 1:
        file = isinstance(given, str) or (isinstance(given, dict) and "file" in given)
        parts = [LoraFile if file else LoraTraining]
    return parts[0] if parts else None


def items_of(annotation: Any, origin: type[Any]) -> Any | None:
    """What a list (`tuple`) or a mapping (`dict`) at `annotation` holds, or None where none may stand."""
    for one in alternatives(annotation):
        if get_origin(one) is origin:
            return get_args(one)[1 if origin is dict else 0]
    return None


def is_text(annotation: Any) -> bool:
    """Whether words may stand at `annotation`, as opposed to a notation of its own."""
    return str in alternatives(annotation)


def annotation_at(path: tuple[Any, ...], data: Any) -> Any | None:
    """What may stand at `path` in the film that `data` describes, or None where nothing may."""
    annotation: Any = Film
    for step in path:
        annotation = annotation_within(annotation, step, data)
        if annotation is None:
            return None
        data = value_at((step,), data)
    return annotation


def annotation_within(annotation: Any, step: str | int, given: Any) -> Any | None:
    """What may stand at the key or index `step` of `given`, which stands at `annotation`, or None where nothing may."""
    part = part_in(annotation, given)
    if part is not None and isinstance(step, str):
        field = keys_of(part).get(step)
        return field.annotation if field is not None else None
    return items_of(annotation, tuple if isinstance(step, int) else dict)


def value_at(path: tuple[Any, ...], data: Any) -> Any:
    """What stands at `path` in `data`, or None."""
    for step in path:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return None
    return data
