"""Likeness with real parts: a tiny model renders with and without a LoRA, and real takes are measured and tried again."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import filmforge
from filmforge.building.executor import Done, Failed, Lane, Message, Task
from filmforge.building.worker import Worker
from filmforge.language.seeds import further
from filmforge.store import Store
from tests.media import write_clip
from tests.video_models.conftest import load
from tests.video_models.test_loras import RANK, state, written
from tests.video_models.tiny import save_pocket_like

pytestmark = pytest.mark.slow

FILM = """\
filmforge: 1
size: 64x32
fps: 8
models:
  tiny: {use: pocket, weights: ./model, size: 64x32, steps: 2}
model: tiny
characters:
  mira: {looks: a girl, photos: photos, lora: {file: mira.safetensors}, likeness: 1, retry: 1}
scenes:
  - id: a
    shots:
      - {id: one, prompt: "{mira} walks", lasts: 5f, seed: 7}
"""


class InThisProcess:
    """Carries steps out as a worker does, without a process of its own: torch is loaded once."""

    def __init__(self, store: Path) -> None:
        self._said = io.StringIO()
        self.worker = Worker(Store(store), self._said)
        self.ran: list[str] = []

    def room(self, lane: Lane) -> int:
        return 1

    def expect(self, weights: str, texts: Sequence[str]) -> None: ...

    def start(self, task: Task) -> None:
        self.ran.append(task.kind)
        self.worker.carry_out(asdict(task))

    def wait(self, timeout: float) -> list[Message]:
        lines = [json.loads(line) for line in self._said.getvalue().splitlines()]
        self._said.seek(0)
        self._said.truncate()
        messages: list[Message] = []
        for said in lines:
            if said["is"] == "done":
                outputs = {output: Path(path) for output, path in said["outputs"].items()}
                messages.append(Done(said["name"], outputs, said["provenance"], said["seconds"]))
            elif said["is"] == "failed":
                messages.append(Failed(said["name"], said["message"], said["details"]))
        return messages

    def close(self) -> None: ...


def test_a_film_that_asks_for_likeness(tmp_path: Path) -> None:
    """Every take is held against the photos, the likest is in the cut, and a second build has nothing to do."""
    save_pocket_like(tmp_path / "model")
    (tmp_path / "photos").mkdir()
    for number in range(3):
        blocks = np.random.default_rng(number).integers(0, 255, (4, 7, 3), dtype=np.uint8)
        image = Image.fromarray(blocks).resize((112, 64), Image.Resampling.NEAREST)
        image.save(tmp_path / f"photos/{number}.png")
    write_clip(tmp_path / "photos/walk.mp4", frames=24, fps=24, sound=False)
    written(tmp_path / "mira.safetensors", state(load("pocket", tmp_path / "model")), alpha=RANK)
    film = tmp_path / "film.yaml"
    film.write_text(FILM, encoding="utf-8")
    project = filmforge.load(film)
    executor = InThisProcess(project.store_root)
    result = filmforge.build(project, executor=executor)
    assert result.ok, result.done
    ran = {"render": 2, "base": 2, "likeness": 2, "pick": 1, "segment": 1, "cut": 1}
    assert dict(result.done.ran) == ran
    plan = filmforge.plan(filmforge.load(film))
    verdict = plan.verdicts["a/one"]
    values = {seed: found["mira"] for seed, found in verdict.takes.items()}
    assert set(values) == {7, further(7, 1)}
    assert verdict.seed is not None and values[verdict.seed] == max(values.values())
    record = plan.steps["likeness/a/one@7"].record
    assert record is not None
    told = record.provenance["likeness"]["mira"]
    assert told["likeness"] == values[7]
    assert told["base"] != told["nearness"], "the base is rendered without her LoRA"
    again = InThisProcess(project.store_root)
    assert filmforge.build(filmforge.load(film), executor=again).ok
    assert again.ran == []
