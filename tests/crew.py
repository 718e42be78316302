"""Workers who stay when a build has ended, so that the next one does not wait for torch to be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filmforge.building.executor import Task
from filmforge.building.local import LocalExecutor


class Crew(LocalExecutor):
    """The workers of this machine, and the kinds of the steps they were given."""

    def __init__(self, store_root: Path) -> None:
        super().__init__(store_root, jobs=1)
        self.root = store_root
        self.started: list[str] = []

    def start(self, task: Task) -> None:
        self.started.append(task.kind)
        super().start(task)

    def close(self) -> None: ...

    def dismiss(self) -> None:
        super().close()


@contextmanager
def crew_of(store_root: Path) -> Iterator[Crew]:
    """Who works for a store until the end of the block."""
    crew = Crew(store_root)
    try:
        yield crew
    finally:
        crew.dismiss()
