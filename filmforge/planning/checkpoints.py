"""The single files that a film names as a model's weights: found, told apart, and held against the model's family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from filmforge.errors import FilmError, Problem, WeightsError
from filmforge.language.models import Model
from filmforge.video_models.checkpoint import (
    EXPERTS,
    Checkpoint,
    configuration,
    find_checkpoint,
    is_one_file,
    misfit,
)
from filmforge.video_models.facts import Facts
from filmforge.video_models.hub_files import HubFiles
from filmforge.video_models.weights import sha256_of

Refused = Callable[[str, str], Problem]
"""Makes a problem of a place in the film and a message."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a film names as weights: `base`, a hub id or a folder, and `files` by component, with their place in the film.

    With `hub`, a hub id, the files are of that repository, at `revision`.
    """

    base: str | None
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    hub: str | None = None
    revision: str | None = None


def named_in(declared: Model, name: str, facts: Facts, beside: Path, refused: Refused) -> Named:
    """What the model called `name` declares as its weights. FilmError where it is not what its family takes."""
    where = f"models.{name}.weights"
    weights = declared.weights
    if weights is None or (isinstance(weights, str) and not is_one_file(weights, beside)):
        return Named(weights)
    if isinstance(weights, str):
        if facts.boundary is not None:
            files = "`weights: {file: {high: FILE, low: FILE}}`"
            raise FilmError([refused(where, f"{facts.id} has two experts; name the file of each: {files}")])
        return Named(None, {EXPERTS[None]: (weights, where)})
    base = weights.base
    if base is not None and is_one_file(base, beside):
        raise FilmError([refused(f"{where}.base", "`base` is a hub id or a folder, not a file")])
    at = {expert: f"{where}.file.{expert}" if expert else f"{where}.file" for expert in weights.files}
    placed = {EXPERTS[expert]: (path, at[expert]) for expert, path in weights.files.items()}
    return Named(base, placed, weights.hub, weights.revision)


def found_files(
    named: Named, facts: Facts, beside: Path, refused: Refused, hub: HubFiles | None = None
) -> dict[str, Checkpoint]:
    """The file of each component. FilmError where one is there and is not one; WeightsError where one is not there.

    Of the files of `hub` those that are on this machine.
    """
    found: dict[str, Checkpoint] = {}
    for component, (source, where) in named.files.items():
        if hub is not None and source not in hub.paths:
            continue
        place = str(hub.paths[source]) if hub is not None else source
        try:
            found[component] = find_checkpoint(facts, place, beside)
        except WeightsError as error:
            if hub is not None:
                message = str(error).replace(place, f"{hub.repo}/{source}")
                raise FilmError([refused(where, message)]) from error
            if not (beside / source).is_file() and Path(source).suffix.lower() in (".safetensors", ".gguf"):
                raise
            raise FilmError([refused(where, str(error))]) from error
    return found


def held_against(
    found: Mapping[str, Checkpoint],
    named: Named,
    facts: Facts,
    version: str | None,
    folder: Path | None,
    refused: Refused,
    hasher: Callable[[Path], str] = sha256_of,
) -> dict[str, str]:
    """The digest of each file, when all fit what the family's configuration says of them; else FilmError says what not."""
    wrong = []
    for component, checkpoint in found.items():
        source, where = named.files[component]
        reason = misfit(checkpoint, facts, configuration(facts, version, folder, component))
        if reason:
            wrong.append(refused(where, f"the file of weights '{source}' {reason}"))
    if wrong:
        raise FilmError(wrong)
    digests = {component: hasher(checkpoint.path) for component, checkpoint in found.items()}
    if len(digests) > len(set(digests.values())):
        _, where = named.files["transformer_2"]
        message = "the same file is named for both experts; each has weights of its own"
        raise FilmError([refused(where, message)])
    return digests
