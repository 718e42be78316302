"""Memory that runs out: known by what libraries say, tried once more with less of it, and said."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.trivial import TrivialExecutor
from filmforge.building.estimates import Estimates
from filmforge.building.events import Event, Finished, Noted
from filmforge.building.executor import Failed, Leaner, Task
from filmforge.building.out_of_memory import ran_out
from filmforge.building.scheduler import Scheduler, graph_of
from filmforge.errors import WeightsError
from filmforge.planning.resolve import resolve
from filmforge.planning.step import Step
from filmforge.store import Store


def raised(error: BaseException, behind: BaseException | None = None) -> BaseException:
    try:
        raise error from behind
    except BaseException as caught:
        return caught


class TestSayings:
    def test_of_a_processor(self) -> None:
        """What torch really says of a tensor that is larger than all memory."""
        with pytest.raises(RuntimeError) as caught:
            torch.empty(2**62, dtype=torch.uint8)
        assert ran_out(caught.value)

    @pytest.mark.parametrize(
        "error",
        [
            MemoryError(),
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            OSError(errno.ENOMEM, "Cannot allocate memory"),
            ImportError("libx.so: failed to map segment from shared object"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_of_libraries(self, error: BaseException) -> None:
        """Of Python, of CUDA and its libraries, of the system, of the loader."""
        assert ran_out(error)

    def test_behind_another_error(self) -> None:
        """A loader that turns it into an error of its own changes nothing."""
        assert ran_out(raised(WeightsError("./weights cannot be loaded"), MemoryError()))

    def test_other_errors(self) -> None:
        """Are not about memory, whatever else they are about."""
        for error in (
            RuntimeError("shapes do not match"),
            OSError(errno.ENOSPC, "full"),
            ValueError("memory"),
        ):
            assert not ran_out(error)


class Small(TrivialExecutor):
    """A device with `has` GB for sampling, on which a plan needs 9 GB, or 5, or 2, as its hints say what lacked."""

    PLANS = (9.0, 5.0, 2.0)

    def __init__(self, folder: Path, has: float) -> None:
        super().__init__(folder)
        self.has, self.tried = has, list[tuple[str, float]]()

    def start(self, task: Task) -> None:
        lacked: Mapping[str, float] = task.hints.get("lacked", {}).get("weights", {})
        need = next(gb for gb in self.PLANS if gb < lacked.get("sampling", 10.0))
        self.tried.append((task.name, need))
        if need <= self.has:
            super().start(task)
            return
        further = [gb for gb in self.PLANS if gb < need]
        leaner = Leaner(f"about {further[0]} GB", {"weights": {"sampling": need}}) if further else None
        self._said.append(Failed(task.name, "out of memory while sampling; declare less", leaner=leaner))


def carried_out(folder: Path, executor: TrivialExecutor, names: str) -> tuple[dict[str, str], list[Event]]:
    store = Store(folder / "store")
    steps = [Step("render", name, {"is": name, "frames": 1}, {}, name, "hero") for name in names]
    events: list[Event] = []
    scheduler = Scheduler(
        resolve(steps, store.records.find, store.records.get, {}).steps,
        graph_of(steps),
        store=store,
        executor=executor,
        folder=folder,
        on_event=events.append,
        on_made=lambda step, record: None,
        estimates=Estimates(),
        keep_going=True,
    )
    scheduler.run()
    return {name: fate.state for name, fate in scheduler.finished.items()}, events


class OneAtATime(Small):
    def room(self, lane: str) -> int:
        return 0 if self._said else 1


class TestTriedAgain:
    def test_once_and_said(self, tmp_path: Path) -> None:
        """With the next leaner plan, which is named; the steps after it begin with that plan."""
        executor = OneAtATime(tmp_path / "work", has=6)
        fates, events = carried_out(tmp_path, executor, "ab")
        assert fates == {"a": "ran", "b": "ran"}
        assert executor.tried == [("a", 9.0), ("a", 5.0), ("b", 5.0)]
        notes = [event.message for event in events if isinstance(event, Noted)]
        assert notes == ["a: out of memory; trying once more with a leaner memory plan: about 5.0 GB"]

    def test_not_twice(self, tmp_path: Path) -> None:
        """A step that ran out twice has failed with its reason; the next begins where it left off."""
        executor = OneAtATime(tmp_path / "work", has=3)
        fates, events = carried_out(tmp_path, executor, "ab")
        assert fates == {"a": "failed", "b": "ran"}
        assert executor.tried == [("a", 9.0), ("a", 5.0), ("b", 2.0)]
        (failed,) = [event for event in events if isinstance(event, Finished) and event.state == "failed"]
        assert failed.message == "out of memory while sampling; declare less"

    def test_nothing_leaner(self, tmp_path: Path) -> None:
        """Is no second try."""
        executor = OneAtATime(tmp_path / "work", has=1)
        fates, _ = carried_out(tmp_path, executor, "abc")
        assert executor.tried == [("a", 9.0), ("a", 5.0), ("b", 2.0), ("c", 2.0)]
        assert set(fates.values()) == {"failed"}


FAMILY = '''
"""A machine with just so much memory: enough to sample in, unless a text encoder is in the way."""
import dataclasses
import resource
from pathlib import Path

import torch

from filmforge.video_models.known import FAMILIES
from filmforge.video_models.wan import WanModel

FACTS = dataclasses.replace(FAMILIES["pocket"], id="cramped", weights="example/cramped", model="cramped:Cramped")
WANTED, SPARE = 600 << 20, 90 << 20


class Cramped(WanModel):
    def __init__(self, *arguments, **how):
        super().__init__(*arguments, **how)
        self.text_part("tokenizer")
        self.limit = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + WANTED + SPARE

    def sample(self, **asked):
        if self.limit:
            resource.setrlimit(resource.RLIMIT_AS, (self.limit, resource.RLIM_INFINITY))
            torch.empty(WANTED, dtype=torch.uint8)
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            self.limit = 0  # what libraries map later, for decoding, was not counted
        return super().sample(**asked)
'''


def build(folder: Path) -> list[dict[str, Any]]:
    path = os.pathsep.join((str(folder), str(Path.cwd())))
    done = subprocess.run(
        [sys.executable, "-m", "filmforge", "build", "film.yaml", "--json", "--keep-going"],
        cwd=folder, capture_output=True, text=True, timeout=400, check=False,
        env={**os.environ, "PYTHONPATH": path, "FILMFORGE_MEMORY": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space of a worker as Linux does")
def test_a_worker_that_has_too_little(tmp_path: Path) -> None:
    """A real worker under a real limit: torch gets no memory, the worker is replaced, and the new one samples without
    the text encoder in the way. The shots after it do so from the start."""
    from tests.video_models.tiny import save_pocket_like

    (tmp_path / "cramped.py").write_text(FAMILY, encoding="utf-8")
    metadata = tmp_path / "cramped-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: cramped\nVersion: 1\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(
        "[filmforge.families]\ncramped = cramped:FACTS\n", encoding="utf-8"
    )
    save_pocket_like(tmp_path / "weights", words=1_250_000)
    film = """\
filmforge: 1
size: 32x32
fps: 8
models: {tiny: {use: cramped, weights: ./weights, steps: 2, size: 32x32, precision: fp32}}
model: tiny
scenes:
  - id: a
    shots:
      - {id: one, prompt: a ball, lasts: 5f, seed: 1}
      - {id: two, prompt: it rolls, lasts: 5f, seed: 2}
"""
    (tmp_path / "film.yaml").write_text(film, encoding="utf-8")
    events = build(tmp_path)
    notes = [event["message"] for event in events if event["event"] == "note"]
    (note,) = [text for text in notes if "memory" in text]
    assert note.startswith(
        "render/a/one@1: out of memory; trying once more with a leaner memory plan: "
        "parts read anew for each stage; about "
    )
    assert events[-1]["ran"]["render"] == 2
