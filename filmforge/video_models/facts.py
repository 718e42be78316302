"""How families are found by their ids: those that come with filmforge, and those of other packages; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from filmforge.errors import FilmforgeError, UsageError
from filmforge.video_models.family import UNQUANTIZED, Facts, LoraFacts, Precision
from filmforge.video_models.known import FAMILIES

__all__ = [
    "FAMILIES",
    "UNQUANTIZED",
    "Facts",
    "LoraFacts",
    "Precision",
    "facts_for",
    "facts_of",
    "families",
    "is_family",
]

ENTRY_POINTS = "filmforge.families"
"""Other packages add families under this entry point group: the family's id, and its `Facts`."""


def families() -> dict[str, Facts]:
    """All families there are: those that come with filmforge, then those of installed packages, by id."""
    found = dict(FAMILIES)
    for name in _installed():
        if name not in found:
            found[name] = _from_package(name)
    return found


def facts_of(family: str) -> Facts:
    """The facts of the family called `family`; UsageError names those there are."""
    if family in FAMILIES:
        return FAMILIES[family]
    if family in _installed():
        return _from_package(family)
    known = ", ".join((*FAMILIES, *_installed()))
    raise UsageError(f"there is no family of models called '{family}'; there are: {known}")


def facts_for(base: Mapping[str, Any]) -> Facts:
    """The facts that hold for the model of a step: its `family`, and the `version` of it where one is named."""
    return facts_of(base["family"]).of_version(base.get("version"))


def is_family(family: str) -> bool:
    """Whether there is a family of this id, here or in an installed package. Loads no package."""
    return family in FAMILIES or family in _installed()


@cache
def _installed() -> tuple[str, ...]:
    # Looking through the installed packages takes longer than all the rest of `check`: only for unknown ids.
    from importlib.metadata import entry_points

    return tuple(sorted({point.name for point in entry_points(group=ENTRY_POINTS)}))


def _from_package(family: str) -> Facts:
    from importlib.metadata import entry_points

    point = next(iter(entry_points(group=ENTRY_POINTS, name=family)))
    try:
        found = point.load()
    except Exception as error:
        raise FilmforgeError(f"the family '{family}' of {point.value} cannot be loaded: {error}") from error
    if not isinstance(found, Facts) or found.id != family:
        raise FilmforgeError(f"{point.value} is not the Facts of a family called '{family}'")
    return found
