"""What tests of several rooms share: small films on disk, and sounds, photos and clips to go with them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

WriteFilm = Callable[[str], Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--all-rows`: every row of what runs again on a real pocket film, which takes a quarter of an hour."""
    parser.addoption("--all-rows", action="store_true", help="every row of what runs again on a pocket film")


@pytest.fixture
def write_film(tmp_path: Path) -> WriteFilm:
    """Writes `film.yaml` from the text given, under `filmforge: 1`, and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "film.yaml"
        path.write_text("filmforge: 1\n" + textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    return write


@pytest.fixture
def photo_folder(tmp_path: Path) -> Callable[..., str]:
    """Makes a folder of small photos, and returns its name within the project."""

    def make(name: str = "mira", count: int = 3, captions: bool = False) -> str:
        from PIL import Image

        folder = tmp_path / "characters" / name
        folder.mkdir(parents=True)
        for index in range(count):
            colour = (40 * index % 256, 120, 200 - 30 * index % 200)
            Image.new("RGB", (48, 32), colour).save(folder / f"{index:02}.png")
            if captions:
                (folder / f"{index:02}.txt").write_text(f"{name} from the side, {index}", encoding="utf-8")
        return f"characters/{name}"

    return make
