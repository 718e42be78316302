"""What a build looks like while it runs: live bars in a terminal, plain lines in a pipe or a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from filmforge.building.events import (
    Event,
    FilmDone,
    Finished,
    Noted,
    OnEvent,
    Planned,
    Previewed,
    Progressed,
    Started,
)
from filmforge.cli.screen import counted, duration

PLAIN_INTERVAL = 15.0
"""Seconds between two lines on the progress of one step where there is no terminal."""


@contextmanager
def progress() -> Iterator[OnEvent]:
    """A callback for a build's events that prints them as fits where they go."""
    if sys.stderr.isatty() and sys.stdout.isatty():
        with _live() as on_event:
            yield on_event
    else:
        yield _Plain(lambda text: print(text, flush=True))


def summary(done: FilmDone) -> str:
    """The build in one line."""
    if done.state == "failed":
        broken = ", ".join(f.step for f in done.failed)
        return f"failed: {broken}; all else that was finished is kept"
    ran = ", ".join(f"{count} {kind}" for kind, count in done.ran.items())
    outputs = ", ".join(done.outputs)
    made = f"made {ran}" if ran else "nothing to do"
    return f"{outputs + ': ' if outputs else ''}{made} in {duration(done.seconds)}"


def _previews(event: Previewed) -> str:
    """Where the pictures of running shots are, said once a build."""
    return f"pictures of what is being rendered are in {event.file.rpartition('/')[0]}"


class _Plain:
    """One line for each thing that happens, and now and then one for how far it is."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.say, self.clock = say, clock
        self.number = self.total = 0
        self.said: dict[str, float] = {}
        self.previews = False

    def __call__(self, event: Event) -> None:
        match event:
            case Planned():
                self.total = event.run + event.waits
                if self.total:
                    about = f", about {duration(event.seconds)}" if event.seconds else ""
                    self.say(
                        f"{counted(event.run, 'step')} to run, {event.waits} waiting on those, "
                        f"{event.cached} up to date{about}"
                    )
            case Started():
                self.number += 1
                self.said[event.step] = self.clock()
                because = (
                    f"  ({'; '.join(event.because)})" if event.because not in ((), ("never made",)) else ""
                )
                self.say(f"[{self.number}/{max(self.total, self.number)}] {event.step}{because}")
            case Progressed():
                now = self.clock()
                if now - self.said.get(event.step, now) >= PLAIN_INTERVAL:
                    self.said[event.step] = now
                    far = f", {event.done} of {event.total}" if event.done else ""
                    left = f", {duration(event.left)} left" if event.left else ""
                    self.say(f"      {event.step}: {event.note}{far}{left}")
            case Previewed() if not self.previews:
                self.previews = True
                self.say(f"      {_previews(event)}")
            case Finished(state="ran"):
                self.say(f"      {event.step} done in {duration(event.seconds)}")
            case Finished(state="failed"):
                self.say(f"FAILED {event.step}: {event.message}")
            case Noted():
                self.say(f"note: {event.message}")
            case FilmDone():
                self.say(summary(event))


@contextmanager
def _live() -> Iterator[OnEvent]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
    from rich.text import Text

    console = Console()
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False, style="dim"),
        console=console,
        transient=True,
    )
    tasks: dict[str, Any] = {}
    state: dict[str, Any] = {"began": time.monotonic(), "done": 0, "seconds": None, "previews": False}

    def left() -> str:
        if state["seconds"] is None:
            return ""
        return f"about {duration(max(0.0, state['seconds'] - (time.monotonic() - state['began'])))} left"

    def on_event(event: Event) -> None:
        match event:
            case Planned():
                state["seconds"] = event.seconds
                if event.run:
                    tasks[""] = bars.add_task("film", total=event.run + event.waits, note=left())
            case Started():
                tasks[event.step] = bars.add_task(event.step, total=None, note="; ".join(event.because)[:60])
            case Progressed() if event.step in tasks:
                note = event.note + (f", {duration(event.left)} left" if event.left else "")
                bars.update(tasks[event.step], completed=event.done, total=event.total or None, note=note)
            case Previewed() if not state["previews"]:
                state["previews"] = True
                console.print(Text(_previews(event), style="dim"))
            case Finished() if event.state != "cached" or event.step in tasks:
                if event.step in tasks:
                    bars.remove_task(tasks.pop(event.step))
                if "" in tasks:
                    bars.update(tasks[""], advance=1, note=left())
                if event.state == "ran":
                    console.print(
                        Text.assemble(("✓ ", "green"), event.step, (f"  {duration(event.seconds)}", "dim"))
                    )
                elif event.state == "failed":
                    console.print(Text.assemble(("✗ ", "red"), event.step, ": ", event.message))
            case Noted():
                console.print(Text(f"note: {event.message}", style="yellow"))
            case FilmDone():
                state["end"] = event

    with bars:
        yield on_event
    if "end" in state:
        style = "bold red" if state["end"].state == "failed" else "bold"
        console.print(Text(summary(state["end"]), style=style))
