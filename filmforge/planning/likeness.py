"""The steps that measure how like a shot's takes are to its characters, and those that look for a liker take.

For each take: `base`, the same seed without the characters' LoRAs; `likeness`, take and base held against the photos.
Where a character has `retry` and the shot no `pick`: further takes, each spared as soon as one before it is like
enough, and `pick`, which gives the likest as the shot's picture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from filmforge.language.film import Character, Film
from filmforge.language.seeds import further
from filmforge.planning.step import Enough, Input, Made, Source, Step

if TYPE_CHECKING:
    from filmforge.planning.models import ResolvedModel
    from filmforge.planning.resolve import Planned
    from filmforge.planning.surroundings import Surroundings
    from filmforge.store import Record, Store
    from filmforge.video_models.embedder_weights import FoundEmbedder

FEWEST_PHOTOS = 2
"""With one photo alone there is nothing to tell how alike photos of the character are."""
LOOKS = 8
"""How many frames of a take are looked at."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A shot whose takes are measured: the least likeness by character, and the seeds in the order of their trial.

    The first seed is the take in the cut, unless `chosen`: then the step `pick` says which it is.
    """

    shot: str
    asked: Mapping[str, float]
    seeds: tuple[int, ...]
    chosen: bool


def judged_characters(
    film: Film, named: tuple[str, ...], loras: list[dict[str, Any]]
) -> dict[str, Character]:
    """Those of the characters that a prompt names whose likeness is measured: they have a LoRA, and say how like."""
    learned = {entry["who"] for entry in loras}
    return {
        who: character
        for who in named
        if (character := film.characters[who]).likeness is not None and character.photos and who in learned
    }


def judging(
    takes: list[Step],
    picked: int,
    judged: Mapping[str, Character],
    about: Surroundings,
    model: ResolvedModel,
    by_hand: bool,
) -> tuple[list[Step], Judged, Made]:
    """The steps that measure the renders `takes` of one shot and look for a liker one; and the shot's picture.

    `picked` is the seed in the cut. A take that was picked `by_hand` stays there.
    """
    shot = takes[0].subject
    asked = {who: float(character.likeness or 0.0) for who, character in judged.items()}
    albums = {who: _album(who, character, about) for who, character in judged.items()}
    by_seed = {step.params["seed"]: step for step in takes}
    declared, more = _trials(judged, picked, tuple(by_seed), by_hand)
    steps: list[Step] = []
    measured: list[str] = []
    for seed in (*declared, *more):
        render = by_seed.get(seed) or replace(
            by_seed[picked],
            name=f"render/{shot}@{seed}",
            params={**by_seed[picked].params, "seed": seed},
            unless=Enough(tuple(measured), asked),
        )
        base, likeness = measuring(render, judged, albums, about.embedder(model))
        steps += [render, base, likeness]
        measured.append(likeness.name)
    seeds = (*declared, *more)
    if not more:
        return steps, Judged(shot, asked, seeds, False), Made(f"render/{shot}@{picked}")
    steps.append(picking(shot, seeds, asked))
    return steps, Judged(shot, asked, seeds, True), Made(steps[-1].name)


def _album(who: str, character: Character, about: Surroundings) -> list[Source]:
    """A character's photos by content; they are held against pictures in no order."""
    assert character.photos is not None
    found = sorted({source.digest: source for source, _ in about.photos(character.photos)}.items())
    if len(found) < FEWEST_PHOTOS:
        about.refuse(
            f"characters.{who}.likeness",
            f"likeness compares a picture with what the photos have in common; {character.photos} holds "
            f"{len(found)}, give {FEWEST_PHOTOS} or more",
        )
    return [source for _, source in found]


def _trials(
    judged: Mapping[str, Character], picked: int, seeds: tuple[int, ...], by_hand: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The seeds that are rendered in any case, the one in the cut first, and the further ones that may be.

    Whose take was picked `by_hand` keeps it.
    """
    declared = tuple(dict.fromkeys((picked, *seeds)))
    most = 0 if by_hand else max((character.retry for character in judged.values()), default=0)
    drawn = (further(picked, number) for number in range(1, most + 1))
    return declared, tuple(seed for seed in dict.fromkeys(drawn) if seed not in declared)


def measuring(
    render: Step, judged: Mapping[str, Character], albums: Mapping[str, list[Source]], embedder: FoundEmbedder
) -> tuple[Step, Step]:
    """The steps `base/SHOT@SEED` and `likeness/SHOT@SEED` of the take that `render` makes."""
    shot, seed = render.subject, render.params["seed"]
    kept = [entry for entry in render.params["loras"] if entry["who"] not in judged]
    base = replace(
        render,
        kind="base",
        name=f"base/{shot}@{seed}",
        params={**render.params, "loras": kept},
        inputs={
            role: given for role, given in render.inputs.items() if role.removeprefix("lora.") not in judged
        },
        affinity=f"{render.affinity.split(' ')[0]} {[entry['who'] for entry in kept]}",
    )
    inputs: dict[str, Input] = {"picture": Made(render.name), "base": Made(base.name)}
    for who in judged:
        inputs |= {f"photo.{who}.{index:03}": photo for index, photo in enumerate(albums[who])}
    params = {"embedder": embedder.identity, "looks": LOOKS, "characters": sorted(judged)}
    hints = {"embedder": str(embedder.folder) if embedder.folder else None, "repo": embedder.repo}
    likeness = Step(
        "likeness", f"likeness/{shot}@{seed}", params, inputs, shot, hints=hints, unless=render.unless
    )
    return base, likeness


def picking(shot: str, seeds: tuple[int, ...], asked: Mapping[str, float]) -> Step:
    """The step `pick/SHOT`: the first take where it is like enough, else the likest of those that were made."""
    inputs: dict[str, Input] = {}
    for index, seed in enumerate(seeds):
        # What is spared falls out of the inputs; so the seeds stand in the roles, and not in the params.
        inputs[f"take.{index:03}.{seed}"] = Made(f"render/{shot}@{seed}")
        inputs[f"likeness.{index:03}.{seed}"] = Made(f"likeness/{shot}@{seed}")
    return Step("pick", f"pick/{shot}", {"asked": dict(asked)}, inputs, shot)


def found_in(store: Store, record: Record) -> dict[str, float]:
    """The likeness by character that a `likeness` step found; what cannot be read counts for nothing."""
    return {who: float(about["likeness"]) for who, about in _report(store, record, "main").items()}


def _report(store: Store, record: Record, output: str) -> dict[str, Any]:
    try:
        report = json.loads(store.blobs.path(record.outputs[output].digest).read_text(encoding="utf-8"))
        return dict(report)
    except (OSError, ValueError, KeyError):
        return {}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a judged shot: what each take was found to be, and the seed of the take in the cut, if known."""

    judged: Judged
    takes: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    seed: int | None = None

    @property
    def tried(self) -> bool:
        """Whether the take in the cut is another than the film declares."""
        return self.seed is not None and self.seed != self.judged.seeds[0]

    def short(self) -> Iterator[str]:
        """One sentence for each character that is less like in the cut than is asked."""
        found = self.takes.get(self.seed) if self.seed is not None else None
        for who, least in self.judged.asked.items() if found is not None else ():
            if found is not None and found.get(who, 0.0) < least:
                best = f", the likest of {len(self.takes)} takes" if self.judged.chosen else ""
                yield (
                    f"{self.judged.shot}: {who}'s likeness is {found.get(who, 0.0):.2f}, under {least:g} "
                    f"(take {self.seed}{best})"
                )

    def to_json(self) -> dict[str, Any]:
        return {
            "asked": dict(self.judged.asked),
            "takes": {str(seed): dict(found) for seed, found in self.takes.items()},
            "take": self.seed,
        }


def verdict_of(judged: Judged, steps: Mapping[str, Planned], store: Store) -> Verdict:
    """What the records of a plan say of a judged shot."""
    records = {name: planned.record for name, planned in steps.items() if planned.record is not None}
    return verdict_from(judged, records, store)


def verdict_from(judged: Judged, records: Mapping[str, Record], store: Store) -> Verdict:
    """What `records`, by the names of their steps, say of a judged shot."""
    takes = {
        seed: found_in(store, record)
        for seed in judged.seeds
        if (record := records.get(f"likeness/{judged.shot}@{seed}")) is not None
    }
    if not judged.chosen:
        return Verdict(judged, takes, judged.seeds[0])
    picked = records.get(f"pick/{judged.shot}")
    seed = _report(store, picked, "report").get("seed") if picked is not None else None
    return Verdict(judged, takes, seed)
