"""The base of every part of a film: frozen, compared by value, with fields that know how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, NamedTuple, Self, dataclass_transform

from filmforge.language.kinds import BROKEN, Kind, Path, Reading, unknown_key

_REQUIRED: Final = object()


class Field(NamedTuple):
    """A field as declared: its kind, its default, the key it has in the file, and what it means."""

    kind: Kind
    default: Any
    key: str
    name: str
    doc: str
    nullable: bool

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED


def reads(
    kind: Kind, doc: str, *, default: Any = _REQUIRED, key: str | None = None, nullable: bool = False
) -> Any:
    """A field of a part, required unless it has a default. If `nullable`, `null` in the file means None."""
    return Field(kind, default, key or "", "", doc, nullable)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(reads,))
class Part:
    """What all parts of a film share: they never change, and know no keys but their own."""

    fields: ClassVar[dict[str, Field]]
    """Every field by its key in the file."""
    rules: ClassVar[Mapping[str, Any]] = {}
    """What the part's JSON Schema says of its fields together."""
    _defaults: ClassVar[dict[str, Any]]
    _names: ClassVar[frozenset[str]]

    def __init_subclass__(cls) -> None:
        cls.fields, cls._defaults = {}, {}
        for name, declared in list(vars(cls).items()):
            if isinstance(declared, Field):
                key = declared.key or name
                cls.fields[key] = declared._replace(key=key, name=name)
                delattr(cls, name)
                if not declared.required:
                    cls._defaults[name] = declared.default
        cls._names = frozenset(field.name for field in cls.fields.values())

    def __init__(self, **values: Any) -> None:
        if unknown := values.keys() - self._names:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        given = {**self._defaults, **values}
        if missing := self._names - given.keys():
            raise TypeError(f"{type(self).__name__} needs {', '.join(sorted(missing))}")
        self.__dict__.update(given)

    @classmethod
    def read(cls, data: Mapping[str, Any], path: Path, reading: Reading) -> Self:
        """The part that `data` describes. What is wrong is reported, and left at its default or blank."""
        fields = cls.fields
        values = dict(cls._defaults)
        for key, given in data.items():
            field = fields.get(key)
            if field is None:
                unknown_key(key, fields, path, reading)
            elif given is None:
                # An empty value is as good as none, so that a profile can take something away.
                if field.nullable:
                    values[field.name] = None
            else:
                value = field.kind.read(given, (*path, key), reading)
                if value is not BROKEN:
                    values[field.name] = value
                elif field.required:
                    values[field.name] = field.kind.blank
        if len(values) < len(fields):
            for key, field in fields.items():
                if field.name not in values:
                    reading.fail((*path, key), f"is missing; {field.doc}")
                    values[field.name] = field.kind.blank
        part = cls.__new__(cls)
        part.__dict__.update(values)
        return part

    @classmethod
    def schema(cls, parts: dict[str, Any]) -> dict[str, Any]:
        """The JSON Schema of this part; other parts that it refers to go into `parts`."""
        properties = {}
        for key, field in cls.fields.items():
            described = {"description": field.doc[:1].upper() + field.doc[1:], **field.kind.schema(parts)}
            if field.nullable:
                described = {
                    "description": described.pop("description"),
                    "anyOf": [described, {"type": "null"}],
                }
            properties[key] = described
        required = [key for key, field in cls.fields.items() if field.required]
        schema: dict[str, Any] = {
            "type": "object",
            "description": " ".join((cls.__doc__ or "").split()),
            "properties": properties,
            "additionalProperties": False,
            **cls.rules,
        }
        return {**schema, "required": required} if required else schema

    def model_copy(self, *, update: Mapping[str, Any]) -> Self:
        """A copy of this part that differs in `update`. Named as in pydantic, whose models these resemble."""
        return type(self)(**{**self.__dict__, **update})

    def model_dump(self) -> dict[str, Any]:
        """The part as plain data: its fields by name, parts within it as mappings."""
        return {name: _plain(value) for name, value in self.__dict__.items()}

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"a {type(self).__name__} of a film never changes; make another with model_copy(update=...)"
        )

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a {type(self).__name__} of a film never changes")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = None  # type: ignore[assignment]  # parts hold mappings

    def __repr__(self) -> str:
        told = (
            f"{n}={v!r}"
            for n, v in self.__dict__.items()
            if n not in self._defaults or v != self._defaults[n]
        )
        return f"{type(self).__name__}({', '.join(told)})"


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return value.model_dump()
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return [_plain(one) for one in value]
    return value
