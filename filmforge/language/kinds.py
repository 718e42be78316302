"""The kinds of values that fields of a film have: pydantic types that read what YAML holds.

Durations need to know the film's rate: validation takes it from the context `{"fps": Fraction}`. A part
that is made in Python, without a context, takes whole frames as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema

from filmforge.language import scalars
from filmforge.language.scalars import Size


def _duration(read: Callable[[Any, Fraction], int], *words: str) -> Any:
    def validate(value: Any, info: ValidationInfo) -> Any:
        if info.context is None or (words and type(value) is str and value in words):
            return value
        try:
            return read(value, info.context["fps"])
        except ValueError as wrong:
            if words:
                raise ValueError(f"{wrong}, or one of the words {', '.join(words)}") from None
            raise

    return PlainValidator(validate)


def _duration_schema(*words: str) -> WithJsonSchema:
    pattern = "|".join((*words, scalars.DURATION))
    examples = [*words, "4s", "1.5s", "36f", "00:00:04:00"]
    return WithJsonSchema({"type": "string", "pattern": f"^({pattern})$", "examples": examples})


Frames = Annotated[int, _duration(scalars.frames), _duration_schema()]
"""A duration, held as whole frames at the film's rate; at least 1."""
Moment = Annotated[int, _duration(scalars.frames_or_zero), _duration_schema()]
"""A duration or a moment, held as whole frames; 0 is allowed."""
FrameOfShot = Annotated[
    int | str, _duration(scalars.frames_or_zero, "first", "last"), _duration_schema("first", "last")
]
"""A frame of a shot: `first`, `last`, or a moment."""

_SIZE = WithJsonSchema({"type": "string", "pattern": f"^{scalars.SIZE}$", "examples": ["1280x720"]})
PictureSize = Annotated[Size, PlainValidator(scalars.size), _SIZE]
FilmSize = Annotated[Size, PlainValidator(scalars.delivered_size), _SIZE]
Rate = Annotated[
    Fraction,
    PlainValidator(scalars.rate),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 1},
                {"type": "string", "pattern": r"^[0-9]{1,9}/[0-9]{1,9}$"},
            ],
            "examples": [24, "24000/1001"],
        }
    ),
]
Version = Annotated[int, PlainValidator(scalars.version), WithJsonSchema({"const": 1})]
Path = Annotated[str, PlainValidator(scalars.path), WithJsonSchema({"type": "string", "minLength": 1})]

HubId = Annotated[
    str,
    PlainValidator(scalars.hub_id),
    WithJsonSchema({"type": "string", "pattern": f"^{scalars.HUB_ID}$", "examples": ["owner/name"]}),
]
"""A repository of the Hugging Face hub."""
Words = Annotated[str, Field(pattern=r"\S")]
"""Text that says something."""
Id = Annotated[str, Field(pattern=f"^{scalars.ID}$")]
ModelName = Annotated[str, Field(pattern=f"^{scalars.MODEL_NAME}$")]
"""A name from `models`, or a family's id."""
ShotName = Annotated[str, Field(pattern=f"^{scalars.SHOT_NAME}$")]
"""A shot's id, or `scene/shot`."""
Color = Annotated[str, Field(pattern=f"^{scalars.COLOR}$")]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Decibels = Annotated[Number, Field(ge=-60, le=24)]
Weight = Annotated[Number, Field(ge=-4, le=4)]


def short_for(key: str) -> Callable[[Any], Any]:
    """Lets text stand for a part that has only `key`: `title: "THE END"` for `title: {text: "THE END"}`."""

    def expand(value: Any) -> Any:
        return {key: value} if type(value) is str else value

    return expand


def shorthand(key: str, part: Any) -> BeforeValidator:
    """The validator that expands plain text, and tells the JSON Schema that text will do."""
    return BeforeValidator(short_for(key), json_schema_input_type=str | part)
