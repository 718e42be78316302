"""A whole film on disk (trained characters, continuity, takes, footage, a still, cards, sound, grades), built as often
as one likes.

Steps are carried out by an executor that writes down what it was asked for, so that what runs is decided by the real
language, planner, store and scheduler, and nothing takes long.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import filmforge
from benchmarks.trivial import TrivialExecutor
from filmforge.building.events import Event, FilmDone
from filmforge.building.executor import Done, Message, Task
from tests.media import write_clip, write_photo, write_sound

FILM = """\
filmforge: 1
title: The Lantern
size: 64x36
seed: 2026
negative: blurry
models:
  hero: {use: pocket}
  spare: {use: pocket, steps: 4}
model: hero
profiles:
  draft: {model: spare}
characters:
  mira: {looks: a girl in a red coat, photos: photos/mira}
  otto: {looks: an old bear, photos: photos/otto}
  nobody: {looks: a ghost, photos: photos/otto}
styles:
  storm: {prompt: heavy rain, lut: looks/storm.cube}
  plain: {prompt: daylight}
places:
  cliff: on a cliff
  beach: on a beach
scenes:
  - id: one
    place: cliff
    style: storm
    shots:
      - {id: wide, prompt: "{mira} walks", lasts: 2s, seed: 7}
      - {id: close, prompt: "{mira} waves", lasts: 2s, start: {from: wide, at: last}, seed: 3}
      - {id: free, prompt: "a red fox jumps", lasts: 2s, style: plain}
      - {id: many, prompt: "{otto} sits", lasts: 2s, takes: [1, 2], pick: 1, join: {dissolve: 6f}}
  - id: two
    place: beach
    shots:
      - {id: gull, clip: footage/gull.mp4, trim: {from: 0s, to: 1s}, sound: keep}
      - {id: letter, still: stills/letter.png, lasts: 1s, move: push in}
      - {id: bear, prompt: "{otto} waves", lasts: 2s, seed: 5, says: {otto: {text: Hello., audio: audio/line.wav}}}
      - {id: end, title: {text: THE END}, lasts: 1s, join: {fade: 12f}}
music: {file: audio/theme.wav, gain: -16, duck: -10}
captions: file
"""

_numbers = itertools.count()

Edit = Callable[[str], str]


def swap(old: str, new: str) -> Edit:
    """An edit that puts `new` in the place of `old`, which must be there."""

    def edit(text: str) -> str:
        assert old in text, f"{old!r} is not in the film"
        return text.replace(old, new)

    return edit


class RecordingExecutor(TrivialExecutor):
    """Writes down what it was asked for, and says in which environment it did so."""

    def __init__(self, folder: Path, same: Collection[str], provenance: Mapping[str, Any], salt: str) -> None:
        super().__init__(folder, same)
        self.provenance, self.salt = dict(provenance), salt
        self.tasks: dict[str, Task] = {}

    def start(self, task: Task) -> None:
        self.tasks[task.name] = task
        super().start(task)

    def wait(self, timeout: float) -> list[Message]:
        return [self._salted(said) for said in super().wait(timeout)]

    def _salted(self, said: Message) -> Message:
        if not isinstance(said, Done):
            return said
        if self.salt and said.name not in self.same:
            for path in said.outputs.values():
                path.write_text(path.read_text(encoding="utf-8") + self.salt, encoding="utf-8")
        return replace(said, provenance=self.provenance)


class Studio:
    """One film on disk, built as often as one likes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.film = folder, folder / "film.yaml"
        self.ran: set[str] = set()
        self.executor: RecordingExecutor
        self.events: list[Event] = []

    def edit(self, edit: Edit) -> None:
        self.film.write_text(edit(self.film.read_text(encoding="utf-8")), encoding="utf-8")

    def build(
        self,
        same: Collection[str] = (),
        *,
        profile: str | None = None,
        overrides: Sequence[str] = (),
        store: Path | None = None,
        provenance: Mapping[str, Any] | None = None,
        salt: str = "",
        **options: Any,
    ) -> FilmDone:
        """Build, and keep in `ran` the names of the steps that were carried out.

        `same`: steps that come out the same whatever goes in. `salt` makes all others come out different.
        """
        project = filmforge.load(self.film, profile=profile, overrides=overrides, store=store)
        work = project.store_root / "tmp" / f"work-{next(_numbers)}"
        self.executor = RecordingExecutor(work, same, provenance or {}, salt)
        self.events = []
        result = filmforge.build(project, executor=self.executor, on_event=self.events.append, **options)
        assert result.ok, result.done
        self.ran = set(self.executor.ran)
        return result.done

    def kinds(self) -> dict[str, int]:
        """How many steps of each kind the last build carried out."""
        return dict(Counter(name.split("/")[0] for name in self.ran))


def write_project(folder: Path, film: str = FILM) -> Studio:
    """The film with all its files, not built yet."""
    for who, colour in (("mira", (200, 30, 30)), ("otto", (30, 60, 200))):
        for index in range(3):
            write_photo(folder / f"photos/{who}/{index}.png", (colour[0], colour[1], 40 * index))
    write_clip(folder / "footage/gull.mp4", frames=36, fps=24, sound=True)
    write_photo(folder / "stills/letter.png", (230, 220, 190))
    write_sound(folder / "audio/theme.wav", 3.0)
    write_sound(folder / "audio/line.wav", 0.5)
    write_cube(folder / "looks/storm.cube", 0.9)
    (folder / "film.yaml").write_text(film, encoding="utf-8")
    return Studio(folder)


def write_cube(path: Path, blue: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{r} {g} {b * blue}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    path.write_text("LUT_3D_SIZE 2\n" + "\n".join(rows) + "\n", encoding="utf-8")
