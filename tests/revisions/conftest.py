"""Real git repositories around small films."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import filmforge
from benchmarks.trivial import TrivialExecutor
from tests.cli.conftest import run

__all__ = ["run"]

Git = Callable[..., str]

FILM = """\
filmforge: 1
title: The Keeper
seed: 1
size: 64x36
models: {hero: {use: pocket}}
model: hero
characters: {mira: {looks: a keeper, photos: photos}}
styles: {storm: {prompt: heavy rain}}
places: {cliff: on a cliff}
scenes:
  - id: arrival
    place: cliff
    style: storm
    shots:
      - {id: wide, prompt: "{mira} climbs the path", lasts: 2s, seed: 7}
      - {id: close, prompt: she lifts the lantern and looks out to sea, lasts: 2s, seed: 3, start: {from: wide}}
      - {id: letter, still: still.png, lasts: 1s}
      - {id: end, title: THE END, lasts: 1s}
"""


@pytest.fixture(autouse=True)
def plain_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Git as it is without anybody's settings, and with an author."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")
    monkeypatch.delenv("FILMFORGE_STORE", raising=False)


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """Runs git in the project's folder and gives what it printed."""

    def ask(*arguments: str, status: int = 0) -> str:
        ended = subprocess.run(
            ["git", "-C", str(tmp_path / "keeper"), *arguments], capture_output=True, text=True
        )
        assert ended.returncode == status, ended.stdout + ended.stderr
        return ended.stdout.strip()

    return ask


@pytest.fixture
def film(tmp_path: Path, git: Git) -> Path:
    """A film with photos and a still, committed on `main`; nothing is built yet."""
    from tests.media import write_photo

    folder = tmp_path / "keeper"
    for number in range(3):
        write_photo(folder / f"photos/{number}.png", (200, 30, 40 * number))
    write_photo(folder / "still.png", (1, 2, 3))
    (folder / "film.yaml").write_text(FILM, encoding="utf-8")
    (folder / ".gitignore").write_text(".filmforge/\nout/\n", encoding="utf-8")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "first")
    return folder / "film.yaml"


def build(film: Path, **options: object) -> set[str]:
    """Build, with steps that take no time; the names of those that were carried out."""
    project = filmforge.load(film)
    (project.store_root / "tmp").mkdir(parents=True, exist_ok=True)
    work = project.store_root / "tmp" / f"work-{len(list((project.store_root / 'tmp').iterdir()))}"
    executor = TrivialExecutor(work)
    result = filmforge.build(project, executor=executor, **options)  # type: ignore[arg-type]
    assert result.ok
    return set(executor.ran)


def edit(film: Path, *swaps: tuple[str, str]) -> None:
    """Put the second of each pair in the place of the first, which must be there."""
    text = film.read_text(encoding="utf-8")
    for old, new in swaps:
        assert old in text, f"{old!r} is not in the film"
        text = text.replace(old, new)
    film.write_text(text, encoding="utf-8")
