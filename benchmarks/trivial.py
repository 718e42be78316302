"""A long film of cards, and an executor that makes every step's output in no time: what is left is filmforge itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from filmforge.building.executor import Done, Lane, Message, Task


def write_film(folder: Path, shots: int) -> Path:
    """A film of `shots` cards in scenes of fifty: two steps a shot, and the cut."""
    lines = ["filmforge: 1", "title: Long", "captions: none", "scenes:"]
    for scene in range((shots + 49) // 50):
        lines += [f"  - id: s{scene}", "    shots:"]
        for shot in range(min(50, shots - 50 * scene)):
            lines += [f"      - id: c{shot}", f"        title: card {scene} {shot}", "        lasts: 2s"]
    path = folder / "film.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class TrivialExecutor:
    """Carries any step out by writing down what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.done, self.count = folder, [], 0
        folder.mkdir(parents=True, exist_ok=True)

    def room(self, lane: Lane) -> int:
        return 64

    def expect(self, weights: str, texts: Sequence[str]) -> None: ...

    def start(self, task: Task) -> None:
        self.count += 1
        step = self.folder / str(self.count)
        step.mkdir()
        path = step / "main"
        path.write_text(json.dumps([task.kind, dict(task.params), dict(task.digests)]), encoding="utf-8")
        self.done.append(Done(task.name, {"main": path}, {}, 0.001))

    def wait(self, timeout: float) -> list[Message]:
        said: list[Message] = list(self.done)
        self.done.clear()
        return said

    def close(self) -> None: ...
