"""A film as a project: its file, its folder, its store; and what can be done with it, for the CLI and for Python.

project = filmforge.load("film.yaml")
plan = filmforge.plan(project)
result = filmforge.build(project, on_event=print)
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filmforge.building.estimates import Estimates
from filmforge.building.events import Event, FilmDone, Noted
from filmforge.building.events import Planned as PlannedEvent
from filmforge.building.executor import Executor
from filmforge.errors import FilmError, FilmforgeError, Problem, StoreError, UsageError, WeightsError
from filmforge.language.film import Delivery, Film
from filmforge.language.load import Loaded, load_with_source
from filmforge.places import film_file, lock_of, state_name, store_of
from filmforge.planning.deliveries import Ledger, delivered_outputs, deliveries_of
from filmforge.planning.lock import Lock, PinnedWeights, read_lock
from filmforge.planning.outline import Outline, outline
from filmforge.planning.resolve import Planned, Resolution, resolve
from filmforge.planning.step import Step
from filmforge.planning.supported import unsupported
from filmforge.planning.world import World
from filmforge.store import Store
from filmforge.store.records import Record


@dataclass(frozen=True, slots=True)
class Project:
    """A loaded film, with the profile laid over it, and where its results are kept."""

    loaded: Loaded
    path: Path
    profile: str | None
    overrides: tuple[str, ...]
    store_root: Path

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
        return state_name(self.path, self.profile, self.store_root)


def load(
    path: str | Path,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    store: str | Path | None = None,
    decode: bool = False,
) -> Project:
    """Load and check a film. Raises FilmError with every problem found, UsageError for an unknown profile.

    `decode`: also decode every photo and still in full. A plan does so anyway, once for each content.
    """
    file = film_file(Path(path))
    loaded = load_with_source(
        file, profile=profile, overrides=tuple(overrides), check_image=_check_image if decode else None
    )
    return Project(loaded, file, profile, tuple(overrides), store_of(file, store))


def _check_image(path: Path) -> object:
    from filmforge.editing.picture_check import check_image

    return check_image(path)


@dataclass(slots=True)
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

    @property
    def steps(self) -> dict[str, Planned]:
        return self.resolution.steps

    @property
    def notes(self) -> list[str]:
        return [*self.outline.notes, *self.world.notes]

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
                p.to_json() | {"seconds": self.estimates.seconds(p.step) if p.state != "cached" else 0.0}
                for p in self.steps.values()
            ],
            "totals": {
                **{state: sum(kinds.values()) for state, kinds in by_state.items()},
                "kinds": by_state,
                "seconds": self.seconds,
                "frames": timeline.frames,
                "shots": len(timeline.shots),
            },
            "notes": self.notes,
            "not_yet": [str(p) for p in self.refused],
        }


def plan(project: Project, *, only: Sequence[str] = ()) -> Plan:
    """Work out what a build of `project` would do. Makes nothing and needs no model.

    `only` names shots (`scene/shot`) or scenes; then only what makes their pictures and pieces is planned.
    """
    film, store = project.film, Store(project.store_root)
    world = World(project.loaded, project.folder, store, read_lock(project.lock_path), _probe)
    deliveries = deliveries_of(film, project.path, project.profile)
    made = outline(film, world, deliveries)
    if world.broken:
        raise FilmError(list(dict.fromkeys(world.broken)))
    wanted = list(made.steps.values())
    if only:
        wanted = _only(made, only)
    state = store.memo.get(project.state_name) or {}
    last: Mapping[str, str] = state.get("made", {})
    ledger = Ledger(
        dict(state.get("delivered", {})), project.folder, store.sources.digest, declared=bool(film.deliver)
    )
    resolution = resolve(wanted, store.records.find, store.records.get, last)
    for name, planned in resolution.steps.items():
        if planned.step.kind == "cut" and planned.record is not None:
            resolution.steps[name] = _delivered(planned, made.deliveries[planned.step.subject], ledger)
    estimates = Estimates(dict(store.memo.get("times") or {}))
    refused = unsupported(project.loaded, world.models.values())
    return Plan(project, made, resolution, world, store, estimates, ledger, last, refused)


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
    shots = {p.name for p in made.timeline.shots}
    scenes = {p.scene.id for p in made.timeline.shots}
    for name in only:
        if name not in shots | scenes:
            from filmforge.language.nearest import nearest

            near = nearest(name, sorted(shots | scenes))
            hint = f"; did you mean '{near}'?" if near else ""
            raise UsageError(f"there is no shot or scene '{name}' in the film{hint}")
    wanted = {
        step.name
        for step in made.steps.values()
        if step.kind in ("render", "plate", "segment")
        and "~join" not in step.name
        and any(step.subject == name or step.subject.startswith(f"{name}/") for name in only)
    }
    return closure(made.steps, wanted)


def closure(steps: Mapping[str, Step], wanted: Iterable[str]) -> list[Step]:
    """The steps named and all they are made from, in the order of `steps`."""
    reached = set(wanted)
    pending = list(reached)
    while pending:
        for before in steps[pending.pop()].made_from():
            if before not in reached:
                reached.add(before)
                pending.append(before)
    return [step for name, step in steps.items() if name in reached]


def _probe(path: Path) -> Mapping[str, Any]:
    from filmforge.editing.probe import probe

    media = probe(path)
    if media.kind == "image":
        return {"kind": "image", "seconds": None, "sound": False}
    return {"kind": media.kind, "seconds": str(media.duration), "sound": media.has_audio}


@dataclass(frozen=True, slots=True)
class BuildResult:
    """How a build ended."""

    done: FilmDone
    plan: Plan

    @property
    def ok(self) -> bool:
        return self.done.state == "built"


def build(
    project: Project,
    *,
    only: Sequence[str] = (),
    kinds: Sequence[str] = (),
    steps: Sequence[str] = (),
    jobs: int | None = None,
    keep_going: bool = False,
    locked: bool = False,
    executor: Executor | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> BuildResult:
    """Make what is missing, and deliver the film. Events go to `on_event` as they happen.

    `kinds` and `steps` narrow the build to steps of those kinds, or by full name, and what they are made from.
    `executor` carries steps out instead of the workers of this machine.
    Raises FilmError for what cannot be carried out, before anything runs. A failed step does not raise: the
    result says so.
    """
    from filmforge.building.local import LocalExecutor
    from filmforge.building.scheduler import Scheduler, graph_of

    began = time.monotonic()
    planned = plan(project, only=only)
    store = planned.store
    if kinds or steps:
        wanted = [n for n, p in planned.steps.items() if p.step.kind in kinds or n in steps]
        kept = {s.name for s in closure({n: p.step for n, p in planned.steps.items()}, wanted)}
        planned.resolution.steps = {n: p for n, p in planned.steps.items() if n in kept}
    if planned.refused:
        raise FilmError(planned.refused)
    if not keep_going:
        _weights_are_here(planned)
    _pin(project, planned, locked)
    for note in planned.notes:
        on_event(Noted(note))
    counts = {s: sum(planned.resolution.counts(s).values()) for s in ("run", "waits", "cached")}
    on_event(PlannedEvent(counts["run"], counts["waits"], counts["cached"], planned.seconds))
    delivered: list[str] = []

    def on_made(step: Step, record: Record) -> None:
        if step.kind != "cut":
            return
        delivery = planned.outline.deliveries[step.subject]
        for output, path in delivered_outputs(delivery, record.outputs).items():
            digest = record.outputs[output].digest
            if planned.ledger.state(step.subject, path, digest) != "ok":
                _make_folder((project.folder / path).parent)
                store.blobs.copy_to(digest, project.folder / path)
                planned.ledger.note(step.subject, path, digest)
            delivered.append(path)

    carrier = executor or LocalExecutor(store.root, jobs or max(1, (os.cpu_count() or 2) // 2))
    graph = graph_of(p.step for p in planned.steps.values()) if planned.resolution.stale() else None
    scheduler = Scheduler(
        planned.steps,
        graph,
        store=store,
        executor=carrier,
        folder=project.folder,
        on_event=on_event,
        on_made=on_made,
        estimates=planned.estimates,
        keep_going=keep_going,
    )
    for weights, texts in _texts(planned).items():
        carrier.expect(weights, texts)
    try:
        with store.keep(p.key for p in planned.steps.values() if p.key is not None) as lease:
            scheduler.claim = lease.add
            scheduler.run()
    finally:
        carrier.close()
        known = (
            planned.last
            if only or kinds or steps
            else {n: k for n, k in planned.last.items() if n in planned.steps}
        )
        made = {**known, **scheduler.made}
        store.memo.put(project.state_name, {"made": made, "delivered": planned.ledger.entries})
        if scheduler.counts("ran"):
            store.memo.put("times", planned.estimates.known)
        planned.world.remember()
    failed = tuple(f for f in scheduler.finished.values() if f.state == "failed")
    done = FilmDone(
        "failed" if failed else "built",
        scheduler.counts("ran"),
        scheduler.counts("cached"),
        failed,
        tuple(delivered),
        time.monotonic() - began,
    )
    if not failed and not (only or kinds or steps):
        _remember(project, planned, scheduler.records, delivered)
    on_event(done)
    return BuildResult(done, planned)


def _remember(
    project: Project, planned: Plan, records: Mapping[str, Record], delivered: Sequence[str]
) -> None:
    from filmforge.building.unchanged import remember

    weights = [Path(m.weights.folder) for m in planned.world.models.values() if m.weights.folder]
    remember(
        planned.store,
        project.path,
        project.profile,
        project.overrides,
        sources=planned.world.read,
        weights=[file for folder in weights for file in sorted(folder.rglob("*")) if file.is_file()],
        folders=sorted(planned.world.folders),
        results=list({blob.digest: None for record in records.values() for blob in record.outputs.values()}),
        outputs=delivered,
        steps={name: p.step.kind for name, p in planned.steps.items()},
    )


def _weights_are_here(planned: Plan) -> None:
    """Raise WeightsError, before anything runs, where something that runs needs weights that are not here."""
    wanted = {p.step.hints.get("name") for p in planned.resolution.stale() if p.step.device}
    absent = [m for name, m in planned.world.models.items() if name in wanted and m.weights.folder is None]
    if absent:
        names = ", ".join(f"'{m.name}' ({m.weights.repo})" for m in absent)
        raise WeightsError(
            f"the weights of {names} are not on this machine. With a network: filmforge fetch "
            f"{planned.project.path}. Without one, name a folder that has them: `weights: ./folder`; or build "
            "with --keep-going, which makes all that needs none"
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror}") from None


def _texts(planned: Plan) -> dict[str, list[str]]:
    """The texts that stale renders will ask their models for, by weights, so that they are encoded together."""
    texts: dict[str, list[str]] = {}
    for item in planned.resolution.stale():
        params = item.step.params
        if item.step.kind == "render" and item.step.device:
            texts.setdefault(params["model"]["weights"], []).extend((params["prompt"], params["negative"]))
    return {weights: list(dict.fromkeys(found)) for weights, found in texts.items()}


def _pin(project: Project, planned: Plan, locked: bool) -> None:
    """Write `film.lock` where it differs from what was resolved; refuse to where `locked`."""
    from filmforge.language.seeds import drawn_seeds

    before = planned.world.lock
    weights = dict(before.weights)
    for name, model in planned.world.models.items():
        if model.facts.id in ("animatic", "comfyui"):
            continue
        pin = model.weights
        if pin.digest is None and pin.commit is None:
            continue  # nothing is known of them yet that could be pinned
        weights[name] = PinnedWeights(model.facts.id, pin.digest, pin.repo, pin.commit)
    known = {*project.film.models, project.film.model, *planned.world.models}
    weights = {name: pin for name, pin in weights.items() if name in known or name in before.weights}
    after = Lock(weights, drawn_seeds(project.film))
    if after.text() == before.text():
        return
    if locked:
        raise UsageError(
            f"{project.lock_path.name} is not current, and --locked forbids resolving anew; build without it"
        )
    from filmforge.store.files import write_atomically

    try:
        write_atomically(project.lock_path, after.text().encode())
    except OSError as error:
        raise FilmforgeError(f"{project.lock_path} cannot be written: {error.strerror}") from None


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
