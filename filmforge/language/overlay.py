"""What is laid over a film before it is read: a profile, and `--set key.path=value` of the command line.

Data is merged, never changed in place, and each value that was laid over remembers where it came from, so
that an error in it is reported where it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from filmforge.errors import FilmError, UsageError
from filmforge.language.film import (
    Character,
    Delivery,
    Film,
    Line,
    LoraFile,
    Sound,
    Start,
    Style,
    Title,
)
from filmforge.language.models import Cache, Model, ModelLora, Upscale
from filmforge.language.nearest import did_you_mean, instead, keys_meant, nearest
from filmforge.language.nodes import plain
from filmforge.language.part import Part
from filmforge.language.reading import Path
from filmforge.language.shape import annotation_within, is_text, items_of, keys_of, part_in
from filmforge.language.source import Source

Origins = dict[Path, Path]
"""Where values came from that were laid over the film: the path in the film, and the path in the file."""


# The key for which plain text may stand, of each part that has one.
_SHORT: dict[type[Part], str] = {
    Model: "use",
    Cache: "kind",
    ModelLora: "file",
    Upscale: "weights",
    LoraFile: "file",
    Character: "looks",
    Style: "prompt",
    Start: "from",
    Line: "text",
    Title: "text",
    Sound: "file",
    Delivery: "file",
}


def merged(base: Any, over: Any, path: Path, origin: Path, origins: Origins, annotation: Any = Film) -> Any:
    """`over` laid over `base`: mappings merged key by key, all else replaced. `origins` is added to.

    Keys over plain text are laid over the part that the text stands for; plain text replaces a whole part.
    `annotation` is what may stand at `path` in a film.
    """
    if isinstance(base, str) and isinstance(over, dict):
        base = _written_out(base, over, annotation)
    if not (isinstance(base, dict) and isinstance(over, dict)):
        origins[path] = origin
        return over
    result = dict(base)
    for key, value in over.items():
        here, there = (*path, key), (*origin, key)
        if key in base:
            inner = annotation_within(annotation, key, base)
            result[key] = merged(base[key], value, here, there, origins, inner)
        else:
            origins[here] = there
            result[key] = value
    return result


def _written_out(base: str, over: dict[str, Any], annotation: Any) -> Any:
    """The part that plain text stands for, where `over` has keys of that part; else the text."""
    part = part_in(annotation, base)
    if part is None or part not in _SHORT:
        return base
    # A LoRA is a file or a training: settings of a training take the place of a file.
    same = part_in(annotation, over) is part or over.keys() <= keys_of(part).keys()
    return {_SHORT[part]: base} if same else base


def origin_of(path: Path, origins: Origins) -> Path | None:
    """Where the value at `path` was written if it was laid over the film, else None."""
    for end in range(len(path), -1, -1):
        origin = origins.get(path[:end])
        if origin is not None:
            return (*origin, *path[end:])
    return None


def profile_named(data: dict[str, Any], name: str) -> dict[str, Any]:
    """The overlay of the profile called `name`. Raises UsageError naming those there are."""
    profiles = data.get("profiles")
    known = list(profiles) if isinstance(profiles, dict) else []
    if name not in known:
        there_are = instead(name, known, "it has") or "; it has none, so leave `--profile` out"
        raise UsageError(f"the film has no profile called '{name}'{there_are}")
    over = profiles[name] if isinstance(profiles, dict) else None
    return over if isinstance(over, dict) else {}


def with_override(data: dict[str, Any], override: str, origins: Origins) -> dict[str, Any]:
    """`data` with one `key.path=value` carried out. Raises UsageError where the path leads nowhere.

    The path leads through mappings by key, and through lists by index (`scenes[0]`) or by id
    (`scenes.arrival.shots.wide.prompt`, or short `arrival/wide.prompt`).
    """
    key, equals, value = override.partition("=")
    steps = [step for step in re.split(r"\.|\[(\d+)\]", key.strip()) if step]
    if not equals or not steps:
        raise UsageError(f"'{override}' sets nothing; write --set key.path=value")
    if "/" in steps[0]:
        scene, _, shot = steps[0].partition("/")
        steps = ["scenes", scene, "shots", shot, *steps[1:]]
    path: list[str | int] = []
    result = _put(data, Film, steps, value.strip(), path, override)
    assert isinstance(result, dict)
    for origin_path in [p for p in origins if p[: len(path)] == tuple(path)]:
        del origins[origin_path]
    origins[tuple(path)] = (f"--set {override}",)
    return result


def _put(
    base: Any, annotation: Any, steps: list[str], value: str, path: list[str | int], override: str
) -> Any:
    if not steps:
        return _value(value, annotation, override)
    part = part_in(annotation, base)
    if part is not None and isinstance(base, str):
        base = {_SHORT[part]: base} if part in _SHORT else base
    if isinstance(base, list) or items_of(annotation, tuple) is not None:
        return _put_in_list(base, annotation, steps, value, path, override)
    if isinstance(base, dict) or (base is None and (part or items_of(annotation, dict) is not None)):
        return _put_in_mapping(base or {}, annotation, steps, value, path, override)
    raise _nowhere(override, path, steps[0], [])


def _put_in_list(
    base: Any, annotation: Any, steps: list[str], value: str, path: list[str | int], override: str
) -> Any:
    items = base if isinstance(base, list) else []
    ids = [item.get("id") if isinstance(item, dict) else None for item in items]
    step = steps[0]
    if step in ids:
        index = ids.index(step)
    elif step.isdigit() and len(step) < 10 and int(step) < len(items):
        index = int(step)
    else:
        raise _nowhere(override, path, step, [one for one in ids if isinstance(one, str)])
    path.append(index)
    inner = items_of(annotation, tuple)
    put = _put(items[index], inner, steps[1:], value, path, override)
    return [put if i == index else item for i, item in enumerate(items)]


def _put_in_mapping(
    base: dict[str, Any], annotation: Any, steps: list[str], value: str, path: list[str | int], override: str
) -> Any:
    # A family's id holds dots, so a key may be made of several steps.
    taken = next((n for n in range(len(steps), 0, -1) if ".".join(steps[:n]) in base), 1)
    key, rest = ".".join(steps[:taken]), steps[taken:]
    part = part_in(annotation, base)
    if part is not None:
        fields = keys_of(part)
        if key not in fields:
            raise _nowhere(override, path, key, list(fields))
        inner: Any = fields[key].annotation
    else:
        inner = items_of(annotation, dict)
        if key not in base and (rest or nearest(key, base)):
            raise _nowhere(override, path, key, list(base))
    path.append(key)
    return {**base, key: _put(base.get(key), inner, rest, value, path, override)}


def _value(text: str, annotation: Any, override: str) -> Any:
    if not text.startswith(("{", "[", '"', "'")):
        # What wants text gets it as written: `--set title=2001` needs no quotes within quotes.
        return text if is_text(annotation) and text else plain(text)
    if is_text(annotation) and text.startswith(("{", "[")):
        return text
    try:
        return Source(f"--set {override}", text).data
    except FilmError as wrong:
        raise UsageError("\n".join(str(problem) for problem in wrong.problems)) from None


def _nowhere(override: str, path: Iterable[str | int], step: str, known: list[str]) -> UsageError:
    place = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in path).lstrip(".") or "the film"
    hint = did_you_mean(keys_meant(step, known)) or instead(step, known, "there are")
    return UsageError(f"--set {override}: {place} has no '{step}'{hint}")


def touched_by(data: dict[str, Any], name: str, over: dict[str, Any]) -> tuple[dict[str, Any], Origins]:
    """The film that the profile `name` makes, without the scenes unless it touches them: they may be many."""
    origins: Origins = {}
    touched = {key: value for key, value in data.items() if key in over or key not in ("scenes", "profiles")}
    mixed = merged(touched, over, (), ("profiles", name), origins)
    mixed.setdefault("scenes", [{"id": "none", "shots": [{"id": "none"}]}])
    mixed["filmforge"] = 1
    return mixed, origins
