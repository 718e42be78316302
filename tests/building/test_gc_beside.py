"""`gc` in another process, all through a build: nothing that the build needs is lost, and the build never notices."""

from __future__ import annotations

import signal
import subprocess
import sys

import filmforge
from benchmarks.trivial import TrivialExecutor
from filmforge.building.events import Event, Finished
from tests.building.studio import Studio, swap

COLLECT = """
import sys
from pathlib import Path
from filmforge.store import Store
store = Store(Path(sys.argv[1]), warn=print)
rounds = 0
while True:
    store.gc(set())
    rounds += 1
    print(rounds, flush=True)
"""


def test_all_through_a_build(studio: Studio) -> None:
    """Collecting without end, and keeping nothing by itself, gc leaves old results a build uses and all it makes."""
    store = studio.folder / ".filmforge"
    # Half of the film is there from before, half is made beside the collection.
    for old, new in (("a girl in a red coat", "a girl in a blue coat"), ("THE END", "FIN")):
        studio.edit(swap(old, new))
    collector: list[subprocess.Popen[str]] = []
    seen: list[int] = []

    class Watched(TrivialExecutor):
        """Begins the collection with the first step, and lets it go round before every further one."""

        def start(self, task: object) -> None:
            if not collector:
                command = [sys.executable, "-c", COLLECT, str(store)]
                collector.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            assert collector[0].stdout is not None
            seen.append(int(collector[0].stdout.readline()))
            super().start(task)  # type: ignore[arg-type]

    def on_event(event: Event) -> None:
        if isinstance(event, Finished) and event.kind == "cut":
            collector[0].send_signal(
                signal.SIGSTOP
            )  # the claim ends with the build; what comes after is no test of it

    project = filmforge.load(studio.film)
    try:
        result = filmforge.build(project, executor=Watched(store / "tmp/watched"), on_event=on_event)
        assert result.ok, result.done
        assert sum(result.done.ran.values()) > 8
        assert sum(result.done.cached.values()) > 8
        assert seen[-1] > len(seen) / 2, "the collection went round while the build ran"
        assert filmforge.plan(project).resolution.stale() == []
    finally:
        for process in collector:
            process.kill()
            process.communicate()
