"""Carries out a plan: which step next, what its result is, what a failure takes with it.

Knows nothing of films, models or processes: steps come from the plan, work is done by an `Executor`, results
go into the store as soon as they are there. Everything that changes lies in one `Scheduler`, run by one loop.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filmforge.building.environment import environment_of
from filmforge.building.estimates import Estimates
from filmforge.building.events import Finished, Noted, OnEvent, Previewed, Progressed, Started
from filmforge.building.executor import Done, Executor, Failed, Lane, Message, Progress, Shown, Task, Warned
from filmforge.errors import StoreError
from filmforge.planning.likeness import found_in
from filmforge.planning.resolve import Planned, Refused, digests_of
from filmforge.planning.step import Made, Source, Step
from filmforge.store import Store
from filmforge.store.locks import LockBusy
from filmforge.store.records import Record

if TYPE_CHECKING:
    import networkx as nx

    from filmforge.store.mirror import Mirror

WAIT = 0.5
"""Seconds between two looks at steps that another build is making."""

MIRROR_WAIT = 0.01
"""Seconds between two looks at what the mirror has answered."""

OnMade = Callable[[Step, Record], None]
"""Called when a step's result is known, before anything that rests on it starts. Raises to fail the step."""


class Scheduler:
    """One build under way."""

    def __init__(
        self,
        planned: Mapping[str, Planned],
        graph: nx.DiGraph[str] | None,
        *,
        store: Store,
        executor: Executor,
        folder: Path,
        on_event: OnEvent,
        on_made: OnMade,
        estimates: Estimates,
        claim: Callable[[list[str]], None] = lambda keys: None,
        refused: Refused = lambda step, record: None,
        stamp: Mapping[str, Any] | None = None,
        mirror: Mirror | None = None,
        keep_going: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.planned, self.graph, self.store, self.executor = planned, graph, store, executor
        self.folder, self.on_event, self.on_made = folder, on_event, on_made
        self.estimates, self.keep_going, self.clock = estimates, keep_going, clock
        self.claim, self.refused = claim, refused
        self.stamp = stamp or {}  # what this build adds to the provenance of all that it makes
        self.records: dict[str, Record] = {n: p.record for n, p in planned.items() if p.record is not None}
        self.finished: dict[str, Finished] = {}
        self.made: dict[str, str] = {}
        self.mirror = mirror
        self._spared: set[str] = set()  # steps that turned out to be needless
        self._answered: set[str] = set()  # steps that the mirror was asked for
        self._asking: dict[str, list[str]] = {}  # key -> steps whose result the mirror is asked for
        self._order = {name: index for index, name in enumerate(planned)}
        self._missing = dict.fromkeys(planned, 0)
        self._new: set[str] = set()  # all that they are made from is there; not looked up yet
        self._ready: set[str] = set()  # looked up, and to be made
        self._keys: dict[str, tuple[str, dict[str, str]]] = {}
        self._failed = False
        self._elsewhere: dict[str, float] = {}
        self._waited: set[str] = set()
        self._retried: set[str] = set()
        self._lacked: dict[str, dict[str, float]] = {}  # weights -> stage -> GB that were not there
        self._running: dict[str, tuple[Task, ExitStack, float]] = {}
        self._paces: dict[str, tuple[int, float]] = {}
        self._affinity = ""

    def run(self) -> None:
        """Carry out all that is stale. Returns when nothing more can be done; the fates are in `finished`."""
        for name, planned in self.planned.items():
            if planned.state == "cached":
                assert planned.record is not None and planned.key is not None
                self.made[name] = planned.key
                self.on_made(planned.step, planned.record)
                self._finish(Finished(name, planned.step.kind, "cached"))
        for name, planned in self.planned.items():
            if planned.state != "cached":
                assert self.graph is not None, "only where all steps are made is there no graph"
                self._missing[name] = sum(p not in self.records for p in self.graph.predecessors(name))
                if not self._missing[name]:
                    self._new.add(name)
        try:
            while self._new or self._ready or self._running or self._elsewhere or self._asking:
                self._look_elsewhere()
                self._hear_mirror()
                self._start_ready()
                if self._running:
                    for message in self.executor.wait(MIRROR_WAIT if self._asking else WAIT):
                        self._hear(message)
                elif self._asking:
                    time.sleep(MIRROR_WAIT)
                elif self._elsewhere and not (self._new or self._ready):
                    time.sleep(WAIT / 5)
        finally:
            for _, held, _ in self._running.values():
                held.close()
        for name, planned in self.planned.items():
            if name not in self.finished:
                self._finish(Finished(name, planned.step.kind, "skipped"))

    def counts(self, state: str) -> dict[str, int]:
        """How many steps of each kind came to `state`."""
        return dict(Counter(f.kind for f in self.finished.values() if f.state == state))

    def _start_ready(self) -> None:
        while self._new and not self._stopping():
            self._settle()
        if self._stopping():
            self._new.clear()
            self._ready.clear()
            self._elsewhere.clear()
            self._asking.clear()
            return
        lanes: tuple[Lane, ...] = ("device", "media")
        if not any(self.executor.room(lane) > 0 for lane in lanes):
            return
        for name in sorted(self._ready, key=self._preference):
            lane = lanes[0] if self.planned[name].step.device else lanes[1]
            if self.executor.room(lane) > 0:
                self._begin(name, lane)

    def _stopping(self) -> bool:
        return self._failed and not self.keep_going

    def _preference(self, name: str) -> tuple[bool, int]:
        """Steps that need what is loaded come first; then the order of the film."""
        step = self.planned[name].step
        return (step.device and step.affinity != self._affinity, self._order[name])

    def _key(self, name: str) -> tuple[str, dict[str, str]]:
        """The key of a step whose inputs are all there, and their digests by role."""

        def output_of(made: Made) -> str | None:
            if made.step in self._spared:
                return None
            return self.records[made.step].outputs[made.output].digest

        known = self._keys.get(name)
        if known is None:
            step = self.planned[name].step
            digests = digests_of(step, output_of)
            known = self._keys[name] = step.key(digests), digests
        return known

    def _settle(self) -> None:
        """Accept what turned out to be made: its inputs came out as before, or another build made it."""
        new, self._new = self._new, set()
        for name in [name for name in new if self._needless(name)]:
            new.discard(name)
            self._spare(name)
        found = [name for name in new if self._known(name) is not None]
        # Results from before this build; those that it makes itself are left alone by `gc` anyway.
        self.claim([self._key(name)[0] for name in found])
        for name in new.difference(found):
            self._ask_or_make(name)
        for name in sorted(found, key=self._order.__getitem__):
            record = self._known(name)
            if record is None:  # dropped before it was claimed
                self._ready.add(name)
                continue
            # A step planned to run although its result is known had its delivered file missing or damaged.
            self._accept(name, record, "ran" if self.planned[name].record is not None else "cached", 0.0)

    def _needless(self, name: str) -> bool:
        """Whether what a step was to be better than turned out good enough."""
        unless = self.planned[name].step.unless
        if unless is None:
            return False
        records = [self.records[before] for before in unless.measured if before in self.records]
        spared = self._spared.intersection(unless.measured)
        return bool(spared) or any(unless.reached(found_in(self.store, record)) for record in records)

    def _spare(self, name: str) -> None:
        self._spared.add(name)
        self._finish(Finished(name, self.planned[name].step.kind, "skipped"))
        self._settled(name)

    def _settled(self, name: str) -> None:
        """Count a step off those that its followers wait for."""
        for successor in self.graph.successors(name) if self.graph else ():
            if self.planned[successor].state != "cached":
                self._missing[successor] -= 1
                if self._missing[successor] == 0:
                    self._new.add(successor)

    def _ask_or_make(self, name: str) -> None:
        """Ask the mirror for a result that is not here, once; without one, the step is to be made."""
        key = self._key(name)[0]
        if self.mirror is None or name in self._answered or self.planned[name].anew:
            self._ready.add(name)
            return
        self._answered.add(name)
        if key not in self._asking:
            self.mirror.ask(key)
        self._asking.setdefault(key, []).append(name)

    def _hear_mirror(self) -> None:
        """What the mirror had is looked up like anything else; what it lacks is to be made."""
        for key, here in self.mirror.answers().items() if self.mirror is not None else ():
            for name in self._asking.pop(key, ()):
                (self._new if here else self._ready).add(name)

    def _known(self, name: str) -> Record | None:
        """The record of a step whose inputs are all there, unless it does not count."""
        record = self.store.records.find(self._key(name)[0])
        planned = self.planned[name]
        if record is not None and planned.anew and self.refused(planned.step, record) is not None:
            return None
        return record

    def _begin(self, name: str, lane: Lane) -> None:
        planned = self.planned[name]
        step = planned.step
        key, digests = self._key(name)
        held = ExitStack()
        self._ready.discard(name)
        try:
            held.enter_context(self.store.lock(key, wait=False))
        except LockBusy as busy:
            if name not in self._waited:
                self._waited.add(name)
                self.on_event(Noted(f"{name} is being made by {busy.holder}; waiting for it"))
            self._elsewhere[name] = self.clock()
            return
        if self._known(name) is not None:  # made between the look and the lock
            held.close()
            self._new.add(name)
            return
        inputs = {role: self._path(step, role) for role in digests}
        hints = {**step.hints, "anew": True} if planned.anew else step.hints
        if step.device and self._lacked:
            hints = {**hints, "lacked": {weights: dict(gb) for weights, gb in self._lacked.items()}}
        task = Task(step.kind, name, key, lane, step.params, inputs, digests, hints)
        if step.device:
            self._affinity = step.affinity
        self._running[name] = (task, held, self.clock())
        self.on_event(Started(name, step.kind, planned.because))
        self.executor.start(task)

    def _path(self, step: Step, role: str) -> str:
        given = step.inputs[role]
        if isinstance(given, Source):
            return str((self.folder / (given.at or given.path)).resolve())
        return str(self.store.blobs.path(self.records[given.step].outputs[given.output].digest))

    def _look_elsewhere(self) -> None:
        now = self.clock()
        for name, seen in list(self._elsewhere.items()):
            if now - seen >= WAIT:
                del self._elsewhere[name]
                self._new.add(name)

    def _hear(self, message: Message) -> None:
        if message.name not in self._running:
            return
        task, held, _ = self._running[message.name]
        step = self.planned[message.name].step
        if isinstance(message, Warned):
            self.on_event(Noted(f"{message.name}: {message.message}"))
            return
        if isinstance(message, Shown):
            inside = message.path.is_relative_to(self.folder.resolve())
            file = message.path.relative_to(self.folder.resolve()) if inside else message.path
            self.on_event(Previewed(message.name, file.as_posix(), message.done, message.total))
            return
        if isinstance(message, Progress):
            left = self._left(message)
            self.on_event(
                Progressed(message.name, step.kind, message.done, message.total, message.note, left)
            )
            return
        del self._running[message.name]
        with held:
            if isinstance(message, Failed):
                if message.leaner is not None:  # also where it was tried before: the next steps are to know
                    for weights, gb in message.leaner.lacked.items():
                        self._lacked[weights] = {**self._lacked.get(weights, {}), **gb}
                if how := self._another_way(message):
                    self._retried.add(message.name)
                    self.on_event(Noted(f"{message.name}: {how}"))
                    self._ready.add(message.name)
                else:
                    self._fail(message.name, message.message)
                return
            try:
                record = self._keep(task, step, message)
            except StoreError as error:
                self._fail(message.name, str(error))
                return
        self._accept(message.name, record, "ran", message.seconds)

    def _another_way(self, failed: Failed) -> str:
        """How a failed step is tried once more, in words; empty where it is not."""
        if failed.name in self._retried:
            return ""
        if failed.leaner is not None:
            return f"out of memory; trying once more with a leaner memory plan: {failed.leaner.words}"
        return f"{failed.message}; trying once more" if failed.crashed else ""

    def _left(self, message: Progress) -> float | None:
        """Seconds that a step still takes, by its pace since its first progress: loading is no part of the pace."""
        if not message.done or message.done >= message.total:
            return None
        first, at = self._paces.setdefault(message.name, (message.done, self.clock()))
        if message.done == first:
            return None
        return (self.clock() - at) / (message.done - first) * (message.total - message.done)

    def _keep(self, task: Task, step: Step, done: Done) -> Record:
        for given in step.inputs.values():
            if isinstance(given, Source) and not self.store.sources.unchanged(
                self.folder / (given.at or given.path), given.digest
            ):
                raise StoreError(
                    f"{given.path} was changed while it was read; build again to use it as it is now"
                )
        outputs = {name: self.store.blobs.put(path) for name, path in done.outputs.items()}
        record = Record(
            key=task.key,
            kind=step.kind,
            step=step.name,
            params=dict(step.params),
            inputs=dict(task.digests),
            outputs=outputs,
            provenance={**done.provenance, **_weights(step), **self.stamp},
            seconds=done.seconds,
            made_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            environment=environment_of(done.provenance) if step.device else "",
        )
        self.store.records.put(record)
        for folder in {path.parent for path in done.outputs.values()}:
            shutil.rmtree(folder, ignore_errors=True)
        self.store.drop_work_dir(task.key)
        self.estimates.learn(step, done.seconds)
        return record

    def _accept(self, name: str, record: Record, state: str, seconds: float) -> None:
        step = self.planned[name].step
        try:
            self.on_made(step, record)
        except StoreError as error:
            self._fail(name, str(error))
            return
        self.records[name] = record
        self.made[name] = record.key
        self._finish(Finished(name, step.kind, "ran" if state == "ran" else "cached", seconds))
        self._settled(name)

    def _fail(self, name: str, message: str) -> None:
        self._failed = True
        self._finish(Finished(name, self.planned[name].step.kind, "failed", 0.0, message))

    def _finish(self, fate: Finished) -> None:
        self.finished[fate.step] = fate
        self.on_event(fate)


def _weights(step: Step) -> dict[str, Any]:
    """Which weights a step's model has, by the names that people know: the key holds their digest."""
    known = {name: step.hints[name] for name in ("name", "repo", "commit", "hub") if step.hints.get(name)}
    return {"model": known} if step.device and known else {}


def graph_of(steps: Iterable[Step]) -> nx.DiGraph[str]:
    """The steps as a graph: an edge from each step to those made from it, or spared by it."""
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    for step in steps:
        graph.add_node(step.name)
        graph.add_edges_from((before, step.name) for before in step.comes_after())
    return graph
