"""The film that the tests of building share, built once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.building.studio import Studio, write_project
from tests.cli.conftest import run

__all__ = ["run"]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was built once."""
    folder = tmp_path_factory.mktemp("film")
    write_project(folder)
    Studio(folder).build()
    return folder


@pytest.fixture
def studio(built: Path, tmp_path: Path) -> Studio:
    """A copy of the built project. Blobs are shared by hard links, which the store never writes through."""
    folder = tmp_path / "copy"
    shutil.copytree(built, folder, copy_function=shutil.copy2)
    return Studio(folder)
