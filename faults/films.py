"""Small films on disk, builds of them in processes of their own, and their violent ends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import filmforge
from filmforge.places import film_file

TRAINED = """\
filmforge: 1
size: 64x36
seed: 1
models: {tiny: {use: pocket, weights: ./weights, steps: 2, size: 32x32}}
model: tiny
characters:
  mira: {looks: a girl, photos: photos, lora: {steps: 4, rank: 2}}
scenes:
  - id: a
    shots:
      - {id: one, prompt: "{mira} walks", lasts: 1s, seed: 1}
      - {id: two, prompt: "{mira} waves", lasts: 1s, seed: 2, start: {from: one, at: last}, join: {dissolve: 6f}}
      - {id: end, title: {text: END, size: 8}, lasts: 12f, join: {fade: 6f}}
music: {file: theme.wav, gain: -10}
deliver: {main: {file: out/film.mp4}}
"""

DRAWN = """\
filmforge: 1
size: 64x36
fps: 12
model: animatic
scenes:
  - id: a
    shots:
      - {id: one, prompt: a fox walks, lasts: 6f}
      - {id: letter, still: letter.png, lasts: 6f, join: {dissolve: 3f}}
      - {id: two, prompt: a fox sleeps, lasts: 6f}
      - {id: end, title: {text: END, size: 8}, lasts: 6f, join: {fade: 4f}}
music: {file: theme.wav, gain: -10}
deliver: {main: {file: out/film.mp4}}
"""


def trained(folder: Path) -> Path:
    """A film that trains, renders and assembles in seconds, with real pipelines on tiny random weights."""
    from tests.media import write_photo, write_sound
    from tests.video_models.tiny import save_pocket_like

    save_pocket_like(folder / "weights")
    for index in range(3):
        write_photo(folder / f"photos/{index}.png", (200, 40 * index, 30))
    write_sound(folder / "theme.wav", 2.0)
    return _written(folder, TRAINED)


def drawn(folder: Path) -> Path:
    """A film of cards and a still, with real FFmpeg and no model."""
    from tests.media import write_photo, write_sound

    write_photo(folder / "letter.png", (230, 220, 190), (60, 40))
    write_sound(folder / "theme.wav", 1.0)
    return _written(folder, DRAWN)


def _written(folder: Path, text: str) -> Path:
    (folder / "film.yaml").write_text(text, encoding="utf-8")
    return folder / "film.yaml"


def copy_of(film: Path, folder: Path) -> Path:
    """The project without its store and what it delivered."""
    ignored = shutil.ignore_patterns(".filmforge", "out", "film.lock")
    shutil.copytree(film.parent, folder, ignore=ignored)
    return film_file(folder)


def start(*arguments: object, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """`filmforge ARGUMENTS` in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "filmforge", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, **(environment or {})},
    )


def kill_tree(process: subprocess.Popen[str]) -> None:
    """SIGKILL the process and everything under it."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(process.pid)
        for victim in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()


def events(said: str) -> list[dict[str, Any]]:
    """The events in what `--json` printed, less a last line that was cut off."""
    return [json.loads(line) for line in said.splitlines() if line.startswith("{") and line.endswith("}")]


def ran(said: str) -> list[str]:
    """The steps that were carried out, as the build told."""
    return [e["step"] for e in events(said) if e["event"] == "step" and e["state"] == "ran"]


def made(film: Path, store: Path | None = None) -> dict[str, str]:
    """The digest of every step's result, and of the delivered film; KeyError where one is not there."""
    steps = filmforge.plan(filmforge.load(film, store=store)).steps
    found = {name: p.record.outputs["main"].digest for name, p in steps.items() if p.record is not None}
    if len(found) < len(steps):
        raise KeyError(f"not made: {sorted(steps.keys() - found.keys())}")
    return found | {"delivered": hashlib.sha256((film.parent / "out/film.mp4").read_bytes()).hexdigest()}
