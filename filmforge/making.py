"""Building a project: what the plan says is missing is made, recorded and delivered."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filmforge.building.environment import remember_device
from filmforge.building.events import Event, FilmDone, Noted
from filmforge.building.events import Planned as PlannedEvent
from filmforge.building.executor import Executor
from filmforge.errors import FilmError, FilmforgeError, StoreError, UsageError, WeightsError
from filmforge.language.film import Film
from filmforge.language.load import load_text
from filmforge.planning.deliveries import delivered_outputs
from filmforge.planning.likeness import verdict_from
from filmforge.planning.lock import Lock, PinnedWeights, files_of, lora_of, upscaler_of
from filmforge.planning.step import Step
from filmforge.project import Plan, Project, closure, plan
from filmforge.provenance import of_delivery, write_sidecar
from filmforge.revisions.git import revision_here
from filmforge.store.records import Record

if TYPE_CHECKING:
    from filmforge.building.scheduler import Scheduler
    from filmforge.store.mirror import Mirror


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
    refresh: Sequence[str] | None = None,
    share: bool = False,
    executor: Executor | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> BuildResult:
    """Make what is missing, and deliver the film. Events go to `on_event` as they happen.

    `kinds` and `steps` narrow the build to steps of those kinds, or by full name, and what they are made from.
    `refresh` makes anew what came from another environment: all of it, or of the shots, scenes and LoRAs it names.
    `share` puts what the film is made of into its mirror; without it, the mirror is only read.
    `executor` carries steps out instead of the workers of this machine.
    Raises FilmError for what cannot be carried out, before anything runs. A failed step does not raise: the
    result says so.
    """
    from filmforge.building.local import LocalExecutor
    from filmforge.building.mirroring import open_mirror
    from filmforge.building.scheduler import Scheduler, graph_of

    began = time.monotonic()
    planned = plan(project, only=only, refresh=refresh)
    store = planned.store
    if kinds or steps:
        wanted = [n for n, p in planned.steps.items() if p.step.kind in kinds or n in steps]
        kept = {s.name for s in closure({n: p.step for n, p in planned.steps.items()}, wanted)}
        planned.resolution.steps = {n: p for n, p in planned.steps.items() if n in kept}
    if planned.refused:
        raise FilmError(planned.refused)
    mirror = open_mirror(
        project.film.store if share or planned.resolution.stale() else None,
        project.path,
        store,
        share=share,
        locked=locked,
        note=lambda words: on_event(Noted(words)),
    )
    if not keep_going and mirror is None:  # a mirror may have all that weights would be needed for
        _weights_are_here(planned)
    revision = revision_here(project.path) if planned.resolution.stale() else None
    _pin(project, planned, locked)
    for note in planned.notes:
        on_event(Noted(note))
    counts = {s: sum(planned.resolution.counts(s).values()) for s in ("run", "waits", "cached")}
    on_event(PlannedEvent(counts["run"], counts["waits"], counts["cached"], planned.seconds))
    delivered: list[str] = []
    told: list[str] = []
    measured: set[str] = set()

    def on_made(step: Step, record: Record) -> None:
        if mirror is not None:
            mirror.share(record)
        if step.kind in ("likeness", "pick") and planned.steps[step.name].state != "cached":
            measured.add(step.subject)
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
        provenance = of_delivery(planned, step, record, scheduler.records)
        told.append(write_sidecar(project.folder, delivery.file, provenance))

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
        refused=planned.anew,
        stamp={"film": revision} if revision else {},
        mirror=mirror,
        keep_going=keep_going,
    )
    for weights, texts in _texts(planned).items():
        carrier.expect(weights, texts)
    try:
        with store.keep(p.key for p in planned.steps.values() if p.key is not None) as lease:
            scheduler.claim = lease.add
            scheduler.run()
            if mirror is not None:
                mirror.finish()
                _told(mirror, on_event)
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
            _remember_device(planned, scheduler)
        planned.world.remember()
    for shot in (s for s in planned.outline.judged if s in measured):
        verdict = verdict_from(planned.outline.judged[shot], scheduler.records, store)
        if verdict.tried:
            on_event(Noted(f"{shot}: take {verdict.seed} is in the cut, the likest of {len(verdict.takes)}"))
        for words in verdict.short():
            on_event(Noted(words))
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
        _remember(project, planned, scheduler.records, delivered, told)
    on_event(done)
    return BuildResult(done, planned)


def _told(mirror: Mirror, on_event: Callable[[Event], None]) -> None:
    """Say what went to and fro."""
    if mirror.fetched:
        on_event(Noted(f"{mirror.fetched} results came from the mirror"))
    if mirror.filled:
        on_event(Noted(f"{mirror.filled} results went to the mirror"))


def _remember(
    project: Project,
    planned: Plan,
    records: Mapping[str, Record],
    delivered: Sequence[str],
    told: Sequence[str],
) -> None:
    from filmforge.building.unchanged import remember

    pins = [
        pin
        for m in planned.world.models.values()
        for pin in (m.weights, *([m.upscale.weights] if m.upscale else []))
    ]
    weights = [Path(pin.folder) for pin in pins if pin.folder]
    embedders = [e.folder for e in planned.world.embedders.values() if e.folder]
    remember(
        planned.store,
        project.path,
        project.profile,
        project.overrides,
        sources=planned.world.read,
        weights=[
            *(file for folder in weights for file in sorted(folder.rglob("*")) if file.is_file()),
            *(Path(file) for pin in pins for file in pin.files.values()),
            *(
                path
                for m in planned.world.models.values()
                if m.lora_hub
                for path in m.lora_hub.paths.values()
            ),
            *(file for where in embedders for file in _files_of(where)),
        ],
        folders=sorted(planned.world.folders),
        results=list({blob.digest: None for record in records.values() for blob in record.outputs.values()}),
        outputs=delivered,
        told=told,
        steps={name: p.step.kind for name, p in planned.steps.items() if name in records},
    )


def _files_of(where: Path) -> list[Path]:
    return sorted(where.iterdir()) if where.is_dir() else [where]


def _remember_device(planned: Plan, scheduler: Scheduler) -> None:
    ran = {name for name, fate in scheduler.finished.items() if fate.state == "ran"}
    for name, record in scheduler.records.items():
        if name in ran and planned.steps[name].step.device:
            remember_device(planned.store, record.environment)
            return


def _weights_are_here(planned: Plan) -> None:
    """Raise WeightsError, before anything runs, where something that runs needs weights that are not here."""
    lacking = planned.lacking
    used = planned.needed_models
    absent = [f"'{m.name}' ({m.weights.repo})" for m in used if m.weights.folder is None]
    absent += [
        f"the upscaler of '{m.name}' ({m.upscale.weights.repo})"
        for m in used
        if m.upscale is not None and m.upscale.weights.folder is None
    ]
    if absent:
        names = ", ".join(absent + [f"the file {file}" for files in lacking.values() for file in files])
        raise WeightsError(
            f"the weights of {names} are not on this machine. With a network: filmforge fetch "
            f"{planned.project.path}. Without one, name a folder that has them: `weights: ./folder`; or build "
            "with --keep-going, which makes all that needs none"
        )
    if lacking:
        raise WeightsError(
            f"{planned.lacking_words}; or build with --keep-going, which makes all that needs none"
        )
    measured = any(p.step.kind == "likeness" for p in planned.resolution.stale())
    embedders = [e for e in planned.world.embedders.values() if e.folder is None and e.repo]
    if measured and embedders:
        raise WeightsError(
            f"the embedder {embedders[0].repo}, which measures likeness, is not on this machine. With a network: "
            f"filmforge fetch {planned.project.path}. Without one, name a folder that has one: `embedder: ./folder`; or "
            "build with --keep-going, which makes all that needs none"
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
        if item.step.kind in ("render", "base") and item.step.device:
            asked = [params["prompt"], *([params["negative"]] if params["guidance"] > 1 else [])]
            asked += params.get("apart", {}).get("words", ())
            texts.setdefault(params["model"]["weights"], []).extend(asked)
    return {weights: list(dict.fromkeys(found)) for weights, found in texts.items()}


def _as_written(project: Project) -> Film:
    """The film without what a profile or the command line lays over it: a lock is the film's, not a run's."""
    if project.profile is None and not project.overrides:
        return project.film
    return load_text(project.loaded.source.text, project.path.name).film


def _unpinned(before: Lock, after: Lock) -> str:
    """What a lock would hold otherwise than it does."""
    names = [f"weights of '{n}'" for n, pin in after.weights.items() if before.weights.get(n) != pin]
    seeds = {n for n in {*before.seeds, *after.seeds} if before.seeds.get(n) != after.seeds.get(n)}
    names += [f"the seed of {n}" for n in sorted(seeds)]
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _pin(project: Project, planned: Plan, locked: bool) -> None:
    """Write `film.lock` where it differs from what was resolved; refuse to where `locked`."""
    from filmforge.language.seeds import drawn_seeds

    before = planned.world.lock
    weights = dict(before.weights)
    for name, model in planned.world.models.items():
        if model.facts.id in ("animatic", "comfyui"):
            continue
        pin = model.weights
        for entry, hub in ((files_of(name), pin.hub), (lora_of(name), model.lora_hub)):
            if hub is not None and hub.commit is not None and hub.digests:
                digests = {file: hub.digests[file] for file in sorted(hub.digests)}
                weights[entry] = PinnedWeights(
                    model.facts.id, None, hub.repo, hub.commit, hub.revision, digests
                )
        if pin.digest is None and pin.commit is None:
            continue  # nothing is known of them yet that could be pinned
        revision = project.film.model_named(name).revision if pin.commit else None
        weights[name] = PinnedWeights(
            model.facts.id, pin.digest, pin.repo, pin.commit, revision, dict(pin.file_digests) or None
        )
        if model.upscale is not None:
            own, declared = model.upscale.weights, project.film.model_named(name).upscale
            revision = declared.revision if declared and own.commit else None
            if own.digest is not None or own.commit is not None:
                weights[upscaler_of(name)] = PinnedWeights(
                    model.facts.id, own.digest, own.repo, own.commit, revision
                )
    for name, embedder in planned.world.embedders.items():
        if embedder.commit is not None:  # a hub id holds a slash, and so is no model's name
            weights[name] = PinnedWeights("embedder", embedder.digest, embedder.repo, embedder.commit)
    after = Lock(weights, drawn_seeds(_as_written(project)))
    if after.text() == before.text() and not before.conflicted:
        return
    if locked:
        what = "has merge conflicts" if before.conflicted else f"is not current ({_unpinned(before, after)})"
        raise UsageError(
            f"{project.lock_path.name} {what}, and --locked forbids resolving anew; build without it, and commit "
            "the lock"
        )
    if project.overrides:
        return  # what was set for one run is not the film's
    from filmforge.store.files import write_atomically

    try:
        write_atomically(project.lock_path, after.text().encode())
    except OSError as error:
        raise FilmforgeError(f"{project.lock_path} cannot be written: {error.strerror}") from None
