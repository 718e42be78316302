"""The single files that a film names as a model's weights: found, told apart, and held against the model's family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from filmforge.errors import FilmError, Problem, WeightsError
from filmforge.language.models import Model, WeightsFile
from filmforge.video_models.checkpoint import (
    EXPERTS,
    Checkpoint,
    configuration,
    find_checkpoint,
    is_one_file,
    misfit,
)
from filmforge.video_models.facts import Facts
from filmforge.video_models.weights import sha256_of

Refused = Callable[[str, str], Problem]
"""Makes a problem of a place in the film and a message."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a film names as weights: `base`, a hub id or a folder, and `files` by component, with their place in the film."""

    base: str | None
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def named_in(declared: Model, name: str, facts: Facts, beside: Path, refused: Refused) -> Named:
    """What the model called `name` declares as its weights. FilmError where it is not what its family takes."""
    where = f"models.{name}.weights"
    weights = declared.weights
    if weights is None or (isinstance(weights, str) and not is_one_file(weights, beside)):
        return Named(weights)
    if isinstance(weights, str):
        given: dict[str | None, tuple[str, str]] = {None: (weights, where)}
        base = None
    else:
        given, base = _given(weights, f"{where}.file"), weights.base
        if base is not None and is_one_file(base, beside):
            raise FilmError([refused(f"{where}.base", "`base` is a hub id or a folder, not a file")])
    if not given:
        raise FilmError([refused(f"{where}.file", "names no file; write a path, or `high`, `low` or both")])
    if facts.boundary is not None and None in given:
        files = "`weights: {file: {high: FILE, low: FILE}}`"
        raise FilmError([refused(given[None][1], f"{facts.id} has two experts: name the file of each: {files}")])
    if facts.boundary is None and None not in given:
        raise FilmError([refused(f"{where}.file", f"{facts.id} has one expert; give one file: `file: FILE`")])
    return Named(base, {EXPERTS[expert]: source for expert, source in given.items()})


def _given(weights: WeightsFile, where: str) -> dict[str | None, tuple[str, str]]:
    if isinstance(weights.file, str):
        return {None: (weights.file, where)}
    found = {"high": weights.file.high, "low": weights.file.low}
    return {expert: (path, f"{where}.{expert}") for expert, path in found.items() if path is not None}


def found_files(
    named: Named, facts: Facts, beside: Path, refused: Refused
) -> dict[str, Checkpoint]:
    """The file of each component. FilmError where one is there and is not one; WeightsError where one is not there."""
    found: dict[str, Checkpoint] = {}
    for component, (source, where) in named.files.items():
        try:
            found[component] = find_checkpoint(facts, source, beside)
        except WeightsError as error:
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
