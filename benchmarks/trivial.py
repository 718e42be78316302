"""A long film of cards, and an executor that makes every step's output in no time: what is left is filmforge itself."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from filmforge.building.executor import Done, Failed, Lane, Message, Task


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
    """Carries any step out by writing down what it was asked for: equal requests come out byte-equal.

    `same` names steps that come out the same whatever goes in; `ran` are the names of those carried out, in order.
    """

    def __init__(self, folder: Path, same: Collection[str] = (), fails: Collection[str] = ()) -> None:
        self.folder, self.same, self.fails = folder, same, fails
        self.ran: list[str] = []
        self._said: list[Message] = []

    def room(self, lane: Lane) -> int:
        return 64

    def expect(self, weights: str, texts: Sequence[str]) -> None: ...

    def start(self, task: Task) -> None:
        if task.name in self.fails:
            self._said.append(Failed(task.name, "it was told to fail"))
            return
        self.ran.append(task.name)
        step = self.folder / str(len(self.ran))
        step.mkdir(parents=True)
        asked = (
            [task.kind, dict(task.params), dict(task.digests)] if task.name not in self.same else [task.name]
        )
        outputs = {}
        for output in ("main", "captions") if task.kind == "cut" and task.params["captions"] else ("main",):
            outputs[output] = step / output
            outputs[output].write_text(json.dumps([output, asked], sort_keys=True), encoding="utf-8")
        self._said.append(Done(task.name, outputs, {}, 0.001))

    def wait(self, timeout: float) -> list[Message]:
        said, self._said = self._said, []
        return said

    def close(self) -> None: ...
