"""An input that is edited while the build reads it."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import filmforge
from benchmarks.trivial import TrivialExecutor
from faults import films
from faults.found import Found
from filmforge.building.executor import Done, Failed, Message, Task
from filmforge.store import Store

SHORT, LONG = 4, 200


class Edited(TrivialExecutor):
    """Its results are the digests of what it read; by the throw of a die a file is edited before or after it is."""

    def __init__(self, folder: Path, project: Path, chance: random.Random) -> None:
        super().__init__(folder)
        self.project, self.chance, self.edits = project, chance, 0

    def start(self, task: Task) -> None:
        super().start(task)
        said = self._said[-1]
        if isinstance(said, Failed):
            return
        assert isinstance(said, Done)
        moment = self.chance.choice(["before", "after", "never", "never"])
        self._edit(task, moment == "before")
        read = {
            role: hashlib.sha256(Path(path).read_bytes()).hexdigest() for role, path in task.inputs.items()
        }
        self._edit(task, moment == "after")
        for output, path in said.outputs.items():
            path.write_text("\n".join([task.key, output, *(f"{role} {read[role]}" for role in sorted(read))]))

    def _edit(self, task: Task, now: bool) -> None:
        for path in map(Path, task.inputs.values()):
            if now and path.is_relative_to(self.project) and ".filmforge" not in path.parts:
                self.edits += 1
                path.write_bytes(path.read_bytes() + b"\0")  # still the picture or sound that it was

    def wait(self, timeout: float) -> list[Message]:
        return super().wait(timeout)


def run(count: int, seed: int, folder: Path) -> Found:
    """`count` films, each built until a build ends well, while its files are edited under it."""
    found = Found(
        "an input edited while the build reads it",
        "the result is not filed under the wrong key; the build says so, and the next one goes on",
        "edits",
    )
    chance = random.Random(seed)
    for number in range(count):
        place = folder / f"film{number}"
        place.mkdir()
        film = films.drawn(place).resolve()
        failed = 0
        for turn in range(40):
            executor = Edited(place / f"work{turn}", film.parent, chance if turn < 20 else _Never())
            result = filmforge.build(filmforge.load(film), executor=executor, keep_going=True)
            found.done += executor.edits
            failed += not result.ok
            if result.ok and not executor.edits:
                break
            for fate in result.done.failed:
                found.check("changed while it was read" in fate.message, fate.message)
        else:
            found.check(False, f"film {number} never came to its end")
        for record in Store(place / ".filmforge").records:
            said = (
                Store(place / ".filmforge").blobs.path(record.outputs["main"].digest).read_text().split("\n")
            )
            right = [record.key, "main", *(f"{role} {record.inputs[role]}" for role in sorted(record.inputs))]
            found.check(
                said == right, f"film {number}: {record.step} is filed under other inputs than it read"
            )
    return found


class _Never(random.Random):
    """A die that always falls the same way, so that every film comes to its end."""

    def choice(self, seq: object) -> str:  # type: ignore[override]
        return "never"
