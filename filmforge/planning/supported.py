"""What the film language knows and the build cannot carry out yet: refused with a sentence, never ignored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from filmforge.errors import Problem
from filmforge.language.load import Loaded
from filmforge.planning.models import ResolvedModel


def unsupported(loaded: Loaded, models: Iterable[ResolvedModel]) -> list[Problem]:
    """One problem, with its place in the file, for each thing declared that a build would have to leave out.

    `models` are those that render or train something in this plan.
    """
    return [loaded.problem(where, message) for where, message in _found(loaded, models)]


def _found(loaded: Loaded, models: Iterable[ResolvedModel]) -> Iterator[tuple[str, str]]:
    film = loaded.film
    for model in models:
        where = f"models.{model.name}" if model.name in film.models else "model"
        if not model.facts.renders:
            yield where, model.facts.unfinished
        elif model.precision in ("fp8", "int8", "nf4"):
            yield (
                f"{where}.precision",
                f"'{model.precision}' cannot be carried out yet; declare bf16, fp16 or fp32",
            )
    if film.store is not None:
        from filmforge.store.remote import refusal

        problem = refusal(film.store)
        if problem is not None:
            yield "store", problem
    for who, character in film.characters.items():
        if character.likeness is not None:
            yield f"characters.{who}.likeness", "likeness cannot be measured yet; remove the line"
        if character.retry:
            yield f"characters.{who}.retry", "further seeds cannot be judged by likeness yet; remove the line"
    for s, scene in enumerate(film.scenes):
        for i, shot in enumerate(scene.shots):
            if shot.extend:
                yield (
                    f"scenes[{s}].shots[{i}].extend",
                    "a shot cannot be continued past the model's limit yet; split it into two shots, the second "
                    "with start: {from: ..., at: last}",
                )
