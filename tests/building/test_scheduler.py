"""Which step runs when, what a failure takes with it, and what is kept: with steps that take no time."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.trivial import TrivialExecutor
from filmforge.building.estimates import Estimates
from filmforge.building.events import Event, Finished, Noted
from filmforge.building.executor import Failed, Message, Task
from filmforge.building.scheduler import Scheduler, graph_of
from filmforge.planning.resolve import resolve
from filmforge.planning.step import Made, Source, Step
from filmforge.store import Store


def step(name: str, *before: str, affinity: str = "") -> Step:
    kind = "render" if affinity else "mix"
    inputs = {f"input.{i}": Made(other) for i, other in enumerate(before)}
    return Step(kind, name, {"is": name, "frames": 1, "samples": 1}, inputs, name, affinity)


class Crashing(TrivialExecutor):
    """Its worker dies of the named steps, each as often as said."""

    def __init__(self, folder: Path, crashes: dict[str, int]) -> None:
        super().__init__(folder)
        self.crashes = crashes

    def start(self, task: Task) -> None:
        if self.crashes.get(task.name, 0):
            self.crashes[task.name] -= 1
            self._said.append(Failed(task.name, "its worker process was killed by signal 11", crashed=True))
            return
        super().start(task)


class OneAtATime(TrivialExecutor):
    """Has room for one step only."""

    def room(self, lane: str) -> int:
        return 0 if self._said else 1


Run = Callable[..., dict[str, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Carries steps out and gives the fate of each."""
    store = Store(tmp_path / "store")
    events: list[Event] = []

    def carry_out(steps: list[Step], executor: TrivialExecutor, keep_going: bool = False) -> dict[str, str]:
        planned = resolve(steps, store.records.find, store.records.get, {})
        scheduler = Scheduler(
            planned.steps,
            graph_of(steps),
            store=store,
            executor=executor,
            folder=tmp_path,
            on_event=events.append,
            on_made=lambda step, record: None,
            estimates=Estimates(),
            keep_going=keep_going,
        )
        scheduler.run()
        return {name: fate.state for name, fate in scheduler.finished.items()}

    carry_out.events = events  # type: ignore[attr-defined]
    return carry_out


def trivial(tmp_path: Path, fails: Collection[str] = ()) -> TrivialExecutor:
    return TrivialExecutor(tmp_path / "work", fails=fails)


class TestFailure:
    STEPS = (step("a"), step("b"), step("c", "b"), step("d", "a"), step("e", "c", "d"))

    def test_keep_going(self, run: Run, tmp_path: Path) -> None:
        """With --keep-going a failure takes with it what rests on it, and nothing else."""
        fates = run(list(self.STEPS), trivial(tmp_path, {"b"}), keep_going=True)
        assert fates == {"a": "ran", "b": "failed", "c": "skipped", "d": "ran", "e": "skipped"}

    def test_what_ran_is_kept(self, run: Run, tmp_path: Path) -> None:
        """After a failure the next run makes only what is missing."""
        run(list(self.STEPS), trivial(tmp_path, {"b"}), keep_going=True)
        fates = run(list(self.STEPS), TrivialExecutor(tmp_path / "again"))
        assert fates == {"a": "cached", "b": "ran", "c": "ran", "d": "cached", "e": "ran"}


class TestCrash:
    def test_once(self, run: Run, tmp_path: Path) -> None:
        """A step whose worker died is tried once more, and that is said."""
        assert run([step("a")], Crashing(tmp_path / "work", {"a": 1})) == {"a": "ran"}
        assert any(isinstance(e, Noted) and "once more" in e.message for e in run.events)  # type: ignore[attr-defined]

    def test_twice(self, run: Run, tmp_path: Path) -> None:
        """A step whose worker died twice has failed."""
        assert run([step("a")], Crashing(tmp_path / "work", {"a": 2})) == {"a": "failed"}


class TestOrder:
    def test_loaded_model_first(self, run: Run, tmp_path: Path) -> None:
        """Steps that need the model that is loaded come before those that need another."""
        executor = OneAtATime(tmp_path / "work")
        names = ["a1", "b1", "a2", "b2", "a3"]
        run([step(name, affinity=name[0]) for name in names], executor)
        assert executor.ran == ["a1", "a2", "a3", "b1", "b2"]


class TestSources:
    def test_source_edited_while_it_is_read(self, run: Run, tmp_path: Path) -> None:
        """A result of a file that changed meanwhile is not filed: the step fails and says so."""
        path = tmp_path / "photo.png"
        path.write_bytes(b"now")
        given = replace(step("a"), inputs={"photo": Source("photo.png", "0" * 64)})
        assert run([given], trivial(tmp_path)) == {"a": "failed"}
        failed = [e for e in run.events if isinstance(e, Finished) and e.state == "failed"]  # type: ignore[attr-defined]
        assert "photo.png was changed while it was read" in failed[0].message


class TestOtherBuild:
    def test_step_made_by_another_build(self, run: Run, tmp_path: Path) -> None:
        """A step that another build makes meanwhile is waited for and taken over, not made twice."""
        import threading
        import time

        store = Store(tmp_path / "store")
        other = TrivialExecutor(tmp_path / "other")
        key = step("a").key({})
        held = threading.Event()

        def elsewhere() -> None:
            with store.lock(key):
                held.set()
                time.sleep(0.6)
                other.start(Task("mix", "a", key, "media", step("a").params, {}, {}))
                (done,) = other.wait(0)
                file_away(store, key, done)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        held.wait()
        executor = trivial(tmp_path)
        assert run([step("a")], executor) == {"a": "cached"}
        assert executor.ran == []
        thread.join()


def file_away(store: Store, key: str, done: Message) -> None:
    from filmforge.building.executor import Done
    from filmforge.store import Record

    assert isinstance(done, Done)
    outputs = {name: store.blobs.put(path) for name, path in done.outputs.items()}
    store.records.put(Record(key, "mix", "a", {}, {}, outputs, {}, 0.0, "2026-01-01T00:00:00Z"))
