"""How each field of the language is read and described: one kind for each sort of value.

A kind reads what YAML holds into the film's own value and reports every problem with its path, in a
filmmaker's words; the same kind writes the field's JSON Schema, so that the two cannot disagree.

Why not pydantic: importing it and building these models takes 0.18 s of the 0.2 s that `filmforge check` may
take in all (measured with pydantic 2.14 and Python 3.11 on two cores; this takes 0.01 s).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, Final

from filmforge.language import scalars
from filmforge.language.nearest import nearest
from filmforge.language.scalars import shown

Path = tuple[str | int, ...]
"""The way to a value through the film: keys and indices, such as ("scenes", 1, "shots", 0, "lasts")."""


class _Broken:
    """What a kind returns for a value that it has reported."""


BROKEN: Final = _Broken()


class Reading:
    """One pass over a film: its frame rate, and the problems found so far."""

    # Comparing names is slow; beyond this many, problems are reported without a suggestion.
    _MOST_SUGGESTIONS = 100

    def __init__(self, fps: Fraction) -> None:
        self.fps = fps
        self.found: list[tuple[Path, str]] = []
        self._suggested = 0

    def fail(self, path: Path, message: str) -> _Broken:
        """Report that the value at `path` is wrong."""
        self.found.append((path, message))
        return BROKEN

    def meant(self, word: str, known: Iterable[str]) -> str:
        """`; did you mean 'prompt'?`, or nothing where no known name is near."""
        self._suggested += 1
        found = nearest(word, known) if self._suggested <= self._MOST_SUGGESTIONS else None
        return f"; did you mean '{found}'?" if found else ""


class Kind:
    """One sort of value. `blank` stands in for a required value that could not be read."""

    blank: Any = None

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        """The film's value for `value`, or BROKEN once what is wrong has been reported."""
        raise NotImplementedError

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        """The JSON Schema; that of a part goes into `parts` by its name, and is referred to."""
        raise NotImplementedError


class Text(Kind):
    """Words. `pattern` is what they must match, and `what` says so in a message."""

    blank = ""

    def __init__(self, pattern: str | None = None, what: str = "", *, filled: bool = False) -> None:
        self.pattern, self.what, self.filled = pattern, what, filled
        self._matches = re.compile(pattern).fullmatch if pattern else None

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        if type(value) is not str:
            return reading.fail(path, _not_text(value))
        if self._matches and not self._matches(value):
            return reading.fail(path, f"{shown(value)} is not {self.what}")
        if self.filled and not value.strip():
            return reading.fail(path, "is empty; write some text")
        return value

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string"}
        if self.pattern:
            schema["pattern"] = f"^({self.pattern})$"
        if self.filled:
            schema["minLength"] = 1
        return schema


def _not_text(value: Any) -> str:
    if isinstance(value, dict):
        return "is a mapping where text is wanted; text that begins with { needs quotes around it"
    if isinstance(value, list):
        return "is a list where text is wanted; text that begins with [ needs quotes around it"
    what = "true or false" if isinstance(value, bool) else "a number"
    return f'{shown(value)} is {what} where text is wanted; put quotes around it: "{shown(value)}"'


class OneOf(Kind):
    """One word of a few."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.blank = words[0]

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        if type(value) is str and value in self.words:
            return value
        meant = reading.meant(value, self.words) if type(value) is str else ""
        return reading.fail(path, f"{shown(value)} is not one of {', '.join(self.words)}{meant}")

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        return {"enum": list(self.words)}


class Flag(Kind):
    """true or false."""

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        if isinstance(value, bool):
            return value
        return reading.fail(path, f"{shown(value)} is neither true nor false; write one of these words")

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        return {"type": "boolean"}


class Integer(Kind):
    """A whole number from `least` to `most`."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most
        self.blank = least

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        if type(value) is not int:
            return reading.fail(path, f"{shown(value)} is not a whole number")
        if not self.least <= value <= self.most:
            return reading.fail(path, f"{value} is out of range; it goes from {self.least} to {self.most}")
        return value

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Number(Kind):
    """A number from `least` to `most`; `above` excludes `least` itself."""

    def __init__(self, least: float, most: float, *, above: bool = False) -> None:
        self.least, self.most, self.above = least, most, above
        self.blank = most

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        try:
            given = scalars.number(value)
        except ValueError as wrong:
            return reading.fail(path, str(wrong))
        if self.above and given <= self.least:
            return reading.fail(
                path, f"{value} is out of range; it is more than {self.least:g}, up to {self.most:g}"
            )
        if not self.least <= given <= self.most:
            return reading.fail(
                path, f"{value} is out of range; it goes from {self.least:g} to {self.most:g}"
            )
        return given

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        low = "exclusiveMinimum" if self.above else "minimum"
        return {"type": "number", low: self.least, "maximum": self.most}


class Written(Kind):
    """A scalar with a notation of its own, read by a function of `scalars`."""

    def __init__(self, read: Callable[[Any], Any], schema: dict[str, Any], blank: Any) -> None:
        self._read, self._schema, self.blank = read, schema, blank

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        try:
            return self._read(value)
        except ValueError as wrong:
            return reading.fail(path, str(wrong))

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        return dict(self._schema)


class Duration(Kind):
    """A duration, or a moment, as whole frames of the film. `words` may stand for it as well."""

    def __init__(self, *words: str, zero: bool = False) -> None:
        self.words, self.zero = words, zero
        self.blank = 0 if zero else 1

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        if value in self.words:
            return value
        try:
            return (scalars.frames_or_zero if self.zero else scalars.frames)(value, reading.fps)
        except ValueError as wrong:
            words = f"; or one of the words {', '.join(self.words)}" if self.words else ""
            return reading.fail(path, f"{wrong}{words}")

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        pattern = "|".join((*self.words, scalars.DURATION))
        examples = [*self.words, "4s", "1.5s", "36f", "00:00:04:00"]
        return {"type": "string", "pattern": f"^({pattern})$", "examples": examples}


class ListOf(Kind):
    """A list of one kind, kept in order; what cannot be read leaves a blank, so that indices hold."""

    blank = ()

    def __init__(self, kind: Kind, *, filled: bool = False) -> None:
        self.kind, self.filled = kind, filled

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        if type(value) is not list:
            return reading.fail(
                path, f"{shown(value)} is not a list; write each item on its own line after '- '"
            )
        if self.filled and not value:
            return reading.fail(path, "is empty; it has at least one item")
        kind = self.kind
        read = [kind.read(item, (*path, i), reading) for i, item in enumerate(value)]
        return tuple([kind.blank if item is BROKEN else item for item in read])

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array", "items": self.kind.schema(parts)}
        return {**schema, "minItems": 1} if self.filled else schema


class MapOf(Kind):
    """Names and what they stand for. Keys match `keys`; `named` says what they are in a message."""

    def __init__(
        self, kind: Kind, keys: str = scalars.ID, named: str = "an id", *, filled: bool = False
    ) -> None:
        self.kind, self.keys, self.named, self.filled = kind, keys, named, filled
        self._matches = re.compile(keys).fullmatch
        self.blank: dict[str, Any] = {}

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        if type(value) is not dict:
            return reading.fail(path, f"{shown(value)} is not a mapping; write `name: value`")
        if self.filled and not value:
            return reading.fail(path, "is empty; it has at least one entry")
        read = {}
        for key, given in value.items():
            if not self._matches(key):
                reading.fail(
                    (*path, key),
                    f"{shown(key)} is not {self.named}; small letters, digits, - and _, a letter first",
                )
            one = self.kind.read(given, (*path, key), reading) if given is not None else BROKEN
            if given is None:
                reading.fail((*path, key), "has no value")
            read[key] = self.kind.blank if one is BROKEN else one
        return read

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        schema: dict[str, Any] = {
            "type": "object",
            "propertyNames": {"pattern": f"^{self.keys}$"},
            "additionalProperties": self.kind.schema(parts),
        }
        return {**schema, "minProperties": 1} if self.filled else schema


class Overlay(Kind):
    """A profile: keys of the film laid over it. Its values are read once they are laid over the film."""

    blank: Any = {}  # noqa: RUF012  (read only, as every blank)

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        if type(value) is not dict:
            return reading.fail(
                path, f"{shown(value)} is not a mapping; a profile holds keys of the film, laid over it"
            )
        return value

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        return {"$ref": "#/$defs/Overlay"}


class PartOf(Kind):
    """A part of the film, with keys of its own. Plain text stands for `short`, where that is given."""

    def __init__(self, part: type[Any], short: str | None = None) -> None:
        self.part, self.short = part, short

    @property
    def blank(self) -> Any:
        """The part with nothing in it."""
        return self.part.read({}, (), Reading(Fraction(24)))

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        if self.short and type(value) is str:
            value = {self.short: value}
        if type(value) is not dict:
            return reading.fail(path, f"{shown(value)} is not {self._wanted()}")
        return self.part.read(value, path, reading)

    def _wanted(self) -> str:
        keys = ", ".join(list(self.part.fields)[:4])
        return f"a mapping with keys such as {keys}" + (
            f", nor text for its {self.short}" if self.short else ""
        )

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        name = self.part.__name__
        if name not in parts:
            parts[name] = {}
            parts[name] = self.part.schema(parts)
        reference = {"$ref": f"#/$defs/{name}"}
        if self.short is None:
            return reference
        return {"anyOf": [self.part.fields[self.short].kind.schema(parts), reference]}


class Either(Kind):
    """One of several kinds; `choose` names the one that fits a value best, and that one reads it."""

    def __init__(self, choose: Callable[[Any], int], *kinds: Kind) -> None:
        self._choose, self.kinds = choose, kinds
        self.blank = None

    def read(self, value: Any, path: Path, reading: Reading) -> Any:
        return self.kinds[self._choose(value)].read(value, path, reading)

    def schema(self, parts: dict[str, Any]) -> dict[str, Any]:
        options: list[dict[str, Any]] = []
        for kind in self.kinds:
            schema = kind.schema(parts)
            options += schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
        return {"anyOf": options}


def unknown_key(key: str, known: Mapping[str, Any], path: Path, reading: Reading) -> None:
    """Report that a part has no such key, with the nearest one that it has."""
    meant = reading.meant(key, known)
    hint = meant or (f"; there are {', '.join(known)}" if len(known) <= 12 else "")
    reading.fail((*path, key), f"unknown key {shown(key)}{hint}")
