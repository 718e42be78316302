"""A film as a project: its file, its folder, its store; and what can be done with it, for the CLI and for Python.

project = filmforge.load("film.yaml")
plan = filmforge.plan(project)
result = filmforge.build(project, on_event=print)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filmforge.building.environment import Elsewhere
from filmforge.building.estimates import Estimates
from filmforge.errors import FilmError, Problem, UsageError
from filmforge.language.film import Delivery, Film
from filmforge.language.load import Loaded, load_with_source
from filmforge.places import film_file, lock_of, state_name, store_of, trust_of
from filmforge.planning.deliveries import Ledger, delivered_outputs, deliveries_of
from filmforge.planning.footage import check_footage
from filmforge.planning.likeness import Verdict, found_in, verdict_of
from filmforge.planning.lock import read_lock
from filmforge.planning.outline import outline
from filmforge.planning.outlined import Outline
from filmforge.planning.resolve import Planned, Refused, Resolution, resolve
from filmforge.planning.step import Step
from filmforge.planning.supported import unsupported
from filmforge.planning.world import World
from filmforge.store import Store
from filmforge.store.signing import trusted_keys

if TYPE_CHECKING:
    from filmforge.planning.models import ResolvedModel
    from filmforge.planning.words import Words


@dataclass(frozen=True, slots=True)
class Project:
    """A loaded film, with the profile laid over it, and where its results are kept."""

    loaded: Loaded
    path: Path
    profile: str | None
    overrides: tuple[str, ...]
    store_root: Path
    home: Path | None = None
    """Where the film file is in the working copy, if this is a copy of a revision of it."""

    @property
    def film(self) -> Film:
        return self.loaded.film

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def lock_path(self) -> Path:
        return lock_of(self.path)

    @property
    def state_name(self) -> str:
        """What the state of this film and profile is called in its store."""
        return state_name(self.home or self.path, self.profile, self.store_root)


def load(
    path: str | Path,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    store: str | Path | None = None,
) -> Project:
    """Load and check a film. Raises FilmError with every problem found, UsageError for an unknown profile.

    Photos and stills are decoded in full when a plan first meets their content.
    """
    file = film_file(Path(path))
    loaded = load_with_source(file, profile=profile, overrides=tuple(overrides))
    return Project(loaded, file, profile, tuple(overrides), store_of(file, store))


@dataclass
class Plan:
    """What a build would do: every step with its state and reasons, and what is delivered."""

    project: Project
    outline: Outline
    resolution: Resolution
    world: World
    store: Store
    estimates: Estimates
    ledger: Ledger
    last: Mapping[str, str]
    refused: list[Problem] = field(default_factory=list)
    elsewhere: Mapping[str, list[str]] = field(default_factory=dict)
    """The steps whose result is up to date and came from another environment, and what differs there."""
    anew: Refused = lambda step, record: None
    """Why a result does not count for this plan, though it is there."""

    @property
    def steps(self) -> dict[str, Planned]:
        return self.resolution.steps

    @property
    def notes(self) -> list[str]:
        short = [words for verdict in self.verdicts.values() for words in verdict.short()]
        lacking = [self.lacking_words] if self.lacking else []
        return [*self.outline.notes, *self.world.notes, *lacking, *short]

    @property
    def needed_models(self) -> list[ResolvedModel]:
        """The models that something which runs needs loaded."""
        wanted = {p.step.hints.get("name") for p in self.resolution.stale() if p.step.device}
        return [model for name, model in self.world.models.items() if name in wanted]

    @property
    def lacking(self) -> dict[str, tuple[str, ...]]:
        """The files of the hub that something which runs needs and that are not on this machine, by model.

        A training needs no LoRA of its model.
        """
        rendered = {
            p.step.hints.get("name")
            for p in self.resolution.stale()
            if p.step.device and p.step.kind != "lora"
        }
        found = {
            m.name: (
                *m.weights.lacking,
                *(m.lora_hub.absent if m.lora_hub and m.name in rendered else ()),
            )
            for m in self.needed_models
        }
        return {name: files for name, files in found.items() if files}

    @property
    def lacking_words(self) -> str:
        """One sentence on `lacking`, without its stop."""
        said = ", ".join(f"{' and '.join(files)} (of '{name}')" for name, files in self.lacking.items())
        verb = "are" if sum(map(len, self.lacking.values())) > 1 else "is"
        return f"{said} {verb} not on this machine; with a network, run: filmforge fetch {self.project.path}"

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """What is known of the shots whose likeness is measured, by name, as far as their measurements are up to date."""
        judged = self.outline.judged
        return {shot: verdict_of(judged[shot], self.steps, self.store) for shot in judged}

    @cached_property
    def words(self) -> Words:
        """Says in words of the film what becomes of a step, and why."""
        from filmforge.planning.words import Words

        return Words(self.resolution, self.outline)

    @property
    def seconds(self) -> float | None:
        """The seconds that all stale steps would take one after another, as far as earlier builds tell."""
        return self.estimates.total(p.step for p in self.resolution.stale())

    def to_json(self) -> dict[str, Any]:
        by_state = {state: self.resolution.counts(state) for state in ("run", "waits", "cached")}
        timeline = self.outline.timeline
        return {
            "film": str(self.project.path),
            "profile": self.project.profile,
            "steps": [
                p.to_json()
                | {"seconds": self.estimates.seconds(p.step) if p.state != "cached" else 0.0}
                | (
                    {"likeness": found_in(self.store, p.record)}
                    if p.step.kind == "likeness" and p.record
                    else {}
                )
                for p in self.steps.values()
            ],
            "totals": {
                **{state: sum(kinds.values()) for state, kinds in by_state.items()},
                "kinds": by_state,
                "seconds": self.seconds,
                "frames": timeline.frames,
                "shots": len(timeline.shots),
            },
            "elsewhere": [{"step": name, "differs": differs} for name, differs in self.elsewhere.items()],
            "mirror": {"at": self.project.film.store, "asked": False} if self.project.film.store else None,
            "notes": self.notes,
            "not_yet": [str(p) for p in self.refused],
        }


def plan(project: Project, *, only: Sequence[str] = (), refresh: Sequence[str] | None = None) -> Plan:
    """Work out what a build of `project` would do. Makes nothing and needs no model.

    `only` names shots (`scene/shot`) or scenes; then only what makes their pictures and pieces is planned.
    `refresh` names shots, scenes or LoRAs (`mira` or `mira@hero`) that are made anew where they came from another
    environment; all that did, where it names none.
    """
    here = project.home or project.path  # whom to trust is said here and now, whatever a revision said
    trusted = frozenset(key.id for key in trusted_keys(trust_of(here)))
    film, store = project.film, Store(project.store_root, trusted=trusted)
    beside = here.parent  # weights are the machine's: no revision has its own
    world = World(project.loaded, project.folder, store, read_lock(project.lock_path), _probe, beside)
    deliveries = deliveries_of(film, project.path, project.profile)
    made = outline(film, world, deliveries)
    if not world.broken:  # a file that cannot be read has no length to go by
        check_footage(film, world)
    if world.broken:
        raise FilmError(list(dict.fromkeys(world.broken)))
    wanted = list(made.steps.values())
    if only:
        wanted = _only(made, only)
    state = store.memo.get(project.state_name) or {}
    last: Mapping[str, str] = state.get("made", {})
    delivered = {} if project.home else dict(state.get("delivered", {}))
    ledger = Ledger(delivered, project.folder, store.sources.digest, declared=bool(film.deliver))
    elsewhere = Elsewhere(store, None if refresh is None else _subjects(made, refresh))
    with store.records.snapshot() as records:
        resolution = resolve(
            wanted, records.find, records.get, last, elsewhere.refused, lambda record: found_in(store, record)
        )
    for name, planned in resolution.steps.items():
        if planned.step.kind == "cut" and planned.record is not None:
            resolution.steps[name] = _delivered(planned, made.deliveries[planned.step.subject], ledger)
    estimates = Estimates(dict(store.memo.get("times") or {}))
    refused = unsupported(project.loaded, world.models.values(), made.steps.values())
    named = elsewhere.named(resolution.steps.values())
    return Plan(
        project, made, resolution, world, store, estimates, ledger, last, refused, named, elsewhere.refused
    )


def _delivered(planned: Planned, delivery: Delivery, ledger: Ledger) -> Planned:
    """A cut whose delivered file is missing or damaged runs again, though its result is known."""
    assert planned.record is not None
    because = []
    for output, path in delivered_outputs(delivery, planned.record.outputs).items():
        match ledger.state(planned.step.subject, path, planned.record.outputs[output].digest):
            case "missing":
                because.append(f"{path} is missing")
            case "changed":
                because.append(f"{path} is not as it was delivered")
    return replace(planned, state="run", because=tuple(because)) if because else planned


def _only(made: Outline, only: Sequence[str]) -> list[Step]:
    """The steps that make the pictures and pieces of the shots or scenes named, in order."""
    known = {name for p in made.timeline.shots for name in (p.name, p.scene.id)}
    _in_the_film(only, known, "shot or scene")
    wanted = {
        step.name
        for step in made.steps.values()
        if step.kind in ("render", "plate", "segment", "likeness")
        and "~join" not in step.name
        and any(step.subject == name or step.subject.startswith(f"{name}/") for name in only)
    }
    return closure(made.steps, wanted)


def _subjects(made: Outline, names: Sequence[str]) -> frozenset[str]:
    """What the renders and LoRAs that `names` mean are about; what all of them are about, where there are none."""
    about = {step.subject for step in made.steps.values() if step.device}
    shots = {name for p in made.timeline.shots for name in (p.name, p.scene.id)}
    _in_the_film(names, shots | about | {s.split("@")[0] for s in about if "@" in s}, "shot, scene or LoRA")
    if not names:
        return frozenset(about)
    return frozenset(s for s in about for n in names if s == n or s.startswith((f"{n}/", f"{n}@")))


def _in_the_film(names: Sequence[str], known: Set[str], what: str) -> None:
    """Raise UsageError, with the nearest name or those there are, for the first of `names` that is not `known`."""
    for name in names:
        if name not in known:
            from filmforge.language.nearest import instead

            raise UsageError(f"there is no {what} '{name}' in the film{instead(name, sorted(known))}")


def closure(steps: Mapping[str, Step], wanted: Iterable[str]) -> list[Step]:
    """The steps named and all they are made from or may be spared by, in the order of `steps`."""
    reached = set(wanted)
    pending = list(reached)
    while pending:
        for before in steps[pending.pop()].comes_after():
            if before in steps and before not in reached:
                reached.add(before)
                pending.append(before)
    return [step for name, step in steps.items() if name in reached]


def _probe(path: Path) -> Mapping[str, Any]:
    if path.suffix.lower() == ".cube":
        from filmforge.editing.grade import read_grade

        read_grade(path)
        return {"kind": "grade", "seconds": None, "sound": False}
    from filmforge.editing.probe import probe

    media = probe(path)
    if media.kind == "image":
        return {"kind": "image", "seconds": None, "sound": False}
    return {"kind": media.kind, "seconds": str(media.duration), "sound": media.has_audio}


def needed_keys(project: Project, overrides: Sequence[str] = ()) -> set[str]:
    """The keys of all results that the film needs, as it is and in each of its profiles.

    In a store that other films share, what they made last is needed too.
    """
    store = Store(project.store_root)
    keys: set[str] = set()
    own: set[str] = set()
    for profile in (None, *project.film.profiles):
        there = load(project.path, profile=profile, overrides=overrides, store=project.store_root)
        own.add(there.state_name)
        keys |= {p.record.key for p in plan(there).steps.values() if p.record is not None}
    for path in (store.root / "films").glob("state-*.json"):
        if path.stem not in own and (state := store.memo.get(path.stem)):
            keys |= set(state.get("made", {}).values())
    return keys
