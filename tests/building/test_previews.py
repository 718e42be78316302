"""A picture of the running shot: in the store's folder, overwritten, and named in the events."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from filmforge.building.events import Previewed
from filmforge.building.executor import Shown, Task
from filmforge.store import Store


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    from filmforge.video_models import preview

    monkeypatch.setattr(preview, "EVERY", 0.0)
    monkeypatch.setattr(preview, "SHARE", 1e9)


def test_a_worker_shows_its_shot(tmp_path: Path, often: None) -> None:
    """Under the shot's name and take, each picture in the place of the one before; the messages say where."""
    from filmforge.building.worker import Worker
    from tests.video_models.tiny import save_pocket_like

    folder = save_pocket_like(tmp_path / "weights")
    params = {
        "prompt": "a ball", "negative": "", "model": {"family": "pocket", "weights": "w", "precision": "fp32"},
        "frames": 5, "size": [64, 32], "steps": 4, "guidance": 1.0, "shift": 3.0, "loras": [], "seed": 7,
    }  # fmt: skip
    said, store = io.StringIO(), Store(tmp_path / "store")
    task = Task(
        "render", "render/arrival/wide@7", "0" * 64, "device", params, {}, {}, {"folder": str(folder)}
    )
    Worker(store, said).carry_out(json.loads(json.dumps(asdict(task))))
    messages: list[dict[str, Any]] = [json.loads(line) for line in said.getvalue().splitlines()]
    assert messages[-1]["is"] == "done", messages[-1]
    shown = [message for message in messages if message["is"] == "preview"]
    assert [(message["done"], message["total"]) for message in shown] == [(2, 4), (3, 4)]
    (path,) = {message["path"] for message in shown}
    assert Path(path) == store.root / "previews" / "arrival.wide@7.jpg"
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 32))
    assert [file.name for file in (store.root / "previews").iterdir()] == ["arrival.wide@7.jpg"]
    store.gc(set())
    assert not list((store.root / "previews").iterdir())


def test_the_event(tmp_path: Path) -> None:
    """Names the file from the film's folder, or in full where the store lies elsewhere."""
    from benchmarks.trivial import TrivialExecutor
    from filmforge.building.estimates import Estimates
    from filmforge.building.scheduler import Scheduler, graph_of
    from filmforge.planning.resolve import resolve
    from filmforge.planning.step import Step

    class Showing(TrivialExecutor):
        def start(self, task: Task) -> None:
            for path in (tmp_path / ".filmforge/previews/a.jpg", Path("/elsewhere/previews/a.jpg")):
                self._said.append(Shown(task.name, path, 2, 4))
            super().start(task)

    store = Store(tmp_path / "store")
    steps = [Step("render", "a", {"is": "a", "frames": 1}, {}, "a", "hero")]
    events: list[Any] = []
    Scheduler(
        resolve(steps, store.records.find, store.records.get, {}).steps,
        graph_of(steps),
        store=store,
        executor=Showing(tmp_path / "work"),
        folder=tmp_path,
        on_event=events.append,
        on_made=lambda step, record: None,
        estimates=Estimates(),
    ).run()
    shown = [event.to_json() for event in events if isinstance(event, Previewed)]
    assert [event["file"] for event in shown] == [".filmforge/previews/a.jpg", "/elsewhere/previews/a.jpg"]
    assert shown[0] == {
        "event": "preview",
        "step": "a",
        "file": ".filmforge/previews/a.jpg",
        "done": 2,
        "total": 4,
    }
