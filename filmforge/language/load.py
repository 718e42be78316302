"""From a film file to a `Film`: read, laid over, checked; every problem of the file reported at once."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from filmforge.errors import FilmError, Problem
from filmforge.language import scalars
from filmforge.language.check import check, check_declarations
from filmforge.language.checking import Checking
from filmforge.language.delivery_rules import check_deliveries
from filmforge.language.file_rules import Media, Named, files_of
from filmforge.language.film import Film
from filmforge.language.mend import mended
from filmforge.language.overlay import (
    Origins,
    merged,
    origin_of,
    profile_named,
    touched_by,
    with_override,
)
from filmforge.language.reading import Path, Reading
from filmforge.language.source import Source, read_text, written
from filmforge.language.wording import places, report

LookInto = Callable[[FilePath], Media]
"""Says what a media file is; raises FilmforgeError where it cannot be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A film with its source, so that errors found later can say where they stand."""

    film: Film
    source: Source
    profile: str | None
    origins: Origins

    def position(self, where: str | Path) -> tuple[int, int]:
        """Line and column, from 1, of `where`, such as `scenes[1].shots[0].lasts`."""
        problem = self.problem(where, "")
        return problem.line, problem.column

    def problem(self, where: str | Path, message: str) -> Problem:
        """A problem with the value at `where`, placed where that value was written."""
        path = parsed(where) if isinstance(where, str) else where
        return _placed(self.source, self.origins, path, message)


def load(
    path: str | FilePath,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    look_into: LookInto | None = None,
) -> Film:
    """The film in the file at `path`, checked, with `profile` and `overrides` (`key.path=value`) over it.

    Raises FilmError with every problem of the file; UsageError for a profile or override that does not fit.
    """
    return load_with_source(path, profile=profile, overrides=overrides, look_into=look_into).film


def load_with_source(
    path: str | FilePath,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    look_into: LookInto | None = None,
) -> Loaded:
    """As `load`, with the positions of what was loaded."""
    file = FilePath(path)
    text = read_text(file, str(path))
    return load_text(
        text, str(path), folder=file.parent, profile=profile, overrides=overrides, look_into=look_into
    )


def load_text(
    text: str,
    name: str,
    *,
    folder: FilePath | None = None,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    look_into: LookInto | None = None,
) -> Loaded:
    """As `load_with_source`, of a film that is not in a file: one of an earlier revision, for instance.

    `name` stands for the file in problems. The files that the film names are looked for in `folder`, if any.
    """
    collecting = gc.isenabled()
    gc.disable()  # hundreds of thousands of values are made, and none is garbage
    try:
        return _load(text, name, folder, profile, overrides, look_into)
    finally:
        if collecting:
            gc.enable()


def _load(
    text: str,
    name: str,
    folder: FilePath | None,
    profile: str | None,
    overrides: Sequence[str],
    look_into: LookInto | None,
) -> Loaded:
    source = Source(name, text)
    data = source.data
    if not isinstance(data, dict):
        raise FilmError([source.problem((), "a film is a mapping that begins with `filmforge: 1`")])
    origins: Origins = {}
    over: dict[str, Any] = {}
    if profile is not None:
        over = profile_named(data, profile)
        data = merged(data, over, (), ("profiles", profile), origins)
    for override in overrides:
        data = with_override(data, override, origins)

    reading = Reading(_rate(data), partial(_text, source, origins))
    film, broken = _read(data, reading)
    file = folder / FilePath(name).name if folder is not None else None
    one_for_all = film
    if film is not None:
        if over.get("model") is not None:
            one_for_all = _one_model(film)

        def line_of(path: Path) -> int:
            return _placed(source, origins, path, "").line

        check(
            film,
            one_for_all or film,
            reading,
            broken,
            line_of=line_of,
            folder=folder,
            look_into=look_into,
        )
        if file is not None:
            check_deliveries(
                Checking(film, reading, broken),
                file,
                profile,
                "deliver" in over,
                line_of,
                _hidden(source, over),
            )
    problems = [_placed(source, origins, *found) for found in reading.found]
    problems += _of_profiles(_Laid(source, data, origins, film, broken), profile, file)
    if problems or one_for_all is None:
        raise FilmError(list(dict.fromkeys(problems)))
    return Loaded(one_for_all, source, profile, origins)


def _read(data: Any, reading: Reading) -> tuple[Film | None, set[Path]]:
    """The film that `data` describes, what is wrong reported and stood in for; and the paths of that.

    There is no film where even what stands in does not make one.
    """
    context = {"fps": reading.fps}
    try:
        return Film.model_validate(data, context=context), set()
    except ValidationError as first:
        report(first, data, reading)
        wrong = first
    broken: set[Path] = set()
    for _ in range(3):  # what stands in for a part may itself have to be stood in for
        values, keys = places(wrong)
        broken |= values | keys
        data = mended(data, values, keys)
        try:
            return Film.model_validate(data, context=context), broken
        except ValidationError as again:
            wrong = again
    return None, broken


_NAMING = frozenset({"scenes", "characters", "styles", "models", "music", "credits"})
"""The keys under which a film names what it reads: a profile that lays over them may hide some of it."""


def _read_by(
    film: Film, broken: Set[Path], over: dict[str, Any], line_of: Callable[[Path], int]
) -> Iterator[tuple[Named, int]]:
    """What the film reads, with the lines, where the profile `over` may hide it."""
    if _NAMING.intersection(over):
        checking = Checking(film, Reading(film.fps), broken)
        yield from (
            (named, line_of(named.path)) for named in files_of(film) if not checking.doubtful(named.path)
        )


def _hidden(source: Source, over: dict[str, Any]) -> Iterator[tuple[Named, int]]:
    """What the film as it is written reads, with the lines, where the profile `over`, laid over it, may hide it."""
    if _NAMING.intersection(over):
        film, broken = _read(source.data, Reading(_rate(source.data)))
        if film is not None:
            yield from _read_by(film, broken, over, lambda path: source.problem(path, "").line)


def _one_model(film: Film) -> Film:
    """The film with every shot rendered by the film's own model, whatever scenes and shots name."""
    scenes = tuple(
        scene.model_copy(
            update={
                "model": None,
                "shots": tuple(
                    shot.model_copy(update={"model": None}) if shot.model else shot for shot in scene.shots
                ),
            }
        )
        for scene in film.scenes
    )
    return film.model_copy(update={"scenes": scenes})


@dataclass(frozen=True, slots=True, eq=False)
class _Laid:
    """A film's data with all that was laid over it, and the film that they make as far as nothing is broken."""

    source: Source
    data: dict[str, Any]
    origins: Origins
    film: Film | None
    broken: Set[Path]


def _of_profiles(base: _Laid, chosen: str | None, file: FilePath | None) -> Iterable[Problem]:
    """Problems within the profiles that were not `chosen`, each read over what it touches of `base`.

    `file` is the film file, if there is one.
    """
    source, data, film = base.source, base.data, base.film
    profiles = data.get("profiles")
    for name, over in profiles.items() if isinstance(profiles, dict) else ():
        if not isinstance(over, dict):
            continue
        for key in ("profiles", "filmforge"):
            if key in over:
                yield source.problem(("profiles", name, key), f"a profile cannot lay over `{key}`; remove it")
        if name == chosen:
            continue
        touched, origins = touched_by(data, name, over)
        reading = Reading(_rate({**data, **over}), partial(_text, source, origins))
        its, wrong = _read(touched, reading)
        if its is not None:
            check_declarations(its, reading, wrong)
        for path, message, at in reading.found:
            origin = origin_of(path, origins)
            if origin is not None:
                yield source.problem(origin, message, at=at)
        if its is not None and film is not None and file is not None:
            whole = its if "scenes" in over else its.model_copy(update={"scenes": film.scenes})

            def placed(path: Path, message: str = "", origins: Origins = origins) -> Problem:
                own = origin_of(path, origins) is not None
                return _placed(source, origins if own else base.origins, path, message)

            delivering = Checking(whole, Reading(reading.fps), base.broken | wrong)
            without = _read_by(
                film, base.broken, over, lambda path: _placed(source, base.origins, path, "").line
            )
            check_deliveries(
                delivering, file, name, "deliver" in over, lambda path: placed(path).line, without
            )
            yield from (placed(path, message) for path, message, _ in delivering.reading.found)


def _rate(data: dict[str, Any]) -> Fraction:
    """The film's rate, or the fastest there is where it cannot be read: no time is wrong for that one's sake."""
    try:
        return scalars.rate(data.get("fps", 24))
    except ValueError:
        return Fraction(scalars.FASTEST)


def _text(source: Source, origins: Origins, path: Path) -> str | None:
    """The value at `path` as it was written, or None where it is not one word of the file or of an option."""
    origin = origin_of(path, origins) or path
    if len(origin) == 1 and str(origin[0]).startswith("--set "):
        return str(origin[0]).partition("=")[2].strip()
    text = getattr(source.node(origin), "value", None)
    return text if isinstance(text, str) else None


def _placed(source: Source, origins: Origins, path: Path, message: str, at: int | None = None) -> Problem:
    origin = origin_of(path, origins) if origins else None
    if origin is None:
        return source.problem(path, message, at=at)
    if origin and str(origin[0]).startswith("--set "):
        return Problem(message, str(origin[0]), where=written(path))
    return source.problem(origin, message, at=at)


def parsed(where: str) -> Path:
    """The path that `written` shows as `where`."""
    path: list[str | int] = []
    for found in re.finditer(r"\[(\d+)\]|([^.\[\]]+)", where):
        path.append(int(found[1]) if found[1] else found[2])
    return tuple(path)
