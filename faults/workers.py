"""Workers that die, hang or run out of memory at a step."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
from pathlib import Path

import filmforge
from faults import films
from faults.found import Found
from filmforge.building.events import Event, Finished, Noted
from filmforge.building.executor import Message, Task
from filmforge.building.local import LocalExecutor

SHORT, LONG = 3, 60
HOW = ("killed", "hung", "out of memory")
PATIENCE = 20.0


class Unlucky(LocalExecutor):
    """Real workers, one of which comes to harm at its `at`th step."""

    def __init__(self, store: Path, how: str, at: int) -> None:
        super().__init__(store, 2, patience=PATIENCE)
        self.how, self.left, self.harmed = how, at, ""

    def start(self, task: Task) -> None:
        super().start(task)
        self.left -= 1
        if self.left:
            return
        self.harmed = task.name
        pid = next(p.running.pid for p in self._processes if p.task is not None and p.task.name == task.name)
        with contextlib.suppress(ProcessLookupError):
            if self.how == "killed":
                os.kill(pid, signal.SIGKILL)
            elif self.how == "hung":
                os.kill(pid, signal.SIGSTOP)
            else:
                used = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
                resource.prlimit(pid, resource.RLIMIT_AS, (used, used))

    def wait(self, timeout: float) -> list[Message]:
        return super().wait(timeout)


def run(count: int, seed: int, folder: Path) -> Found:
    """`count` builds, in each of which one worker is killed, stopped for good, or left without memory."""
    found = Found(
        "out of memory in the worker; the worker killed; a worker that hangs",
        "the step is tried again, or fails with its reason; the build goes on, and the next one ends it",
        "workers",
    )
    chance = random.Random(seed)
    (folder / "film").mkdir()
    film = films.drawn(folder / "film")
    assert filmforge.build(filmforge.load(film)).ok
    expected = films.made(film)
    for number in range(count):
        how = HOW[number % len(HOW)]
        project = filmforge.load(films.copy_of(film, folder / f"film{number}"))
        executor = Unlucky(project.store_root, how, chance.randint(1, 8))
        events: list[Event] = []
        result = filmforge.build(project, executor=executor, keep_going=True, on_event=events.append)
        notes = [e.message for e in events if isinstance(e, Noted) and e.message.startswith(executor.harmed)]
        fates = [e for e in events if isinstance(e, Finished) and e.step == executor.harmed]
        if (
            how == "out of memory"
        ):  # a worker that says so is replaced; one that blames a file keeps the limit
            # A decoder that gets no memory says what it likes; that the step fails with a sentence is what counts.
            for fate in result.done.failed:
                found.check(bool(fate.message) and "\n" not in fate.message, f"{how}: {fate.message!r}")
            found.check(bool(fates), f"{how}: {executor.harmed} has no fate")
        else:
            words = "did nothing for" if how == "hung" else "was killed by signal 9"
            found.check(any(words in n and "once more" in n for n in notes), f"{how}: said {notes}")
            found.check(result.ok, f"{how}: {result.done.failed}")
        again = filmforge.build(project)
        found.check(again.ok, f"{how}, the next build: {again.done.failed}")
        if again.ok:
            found.check(films.made(project.path) == expected, f"{how}: other bytes")
        found.done += 1
    return found
