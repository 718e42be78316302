"""Tiny models, saved once a session as diffusers folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filmforge.video_models import load_family
from filmforge.video_models.facts import facts_of
from filmforge.video_models.wan import WanModel
from filmforge.video_models.weights import find


@pytest.fixture(scope="session")
def pocket_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.video_models.tiny import save_pocket_like

    return save_pocket_like(tmp_path_factory.mktemp("pocket"))


@pytest.fixture(scope="session")
def big_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.video_models.tiny import save_5b_like

    return save_5b_like(tmp_path_factory.mktemp("5b"))


@pytest.fixture(scope="session")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny 5B whose matrices are whole blocks of GGUF's types."""
    from tests.video_models.one_file import wide
    from tests.video_models.tiny import save_5b_like

    return wide(save_5b_like(tmp_path_factory.mktemp("five")))


def load(family: str, folder: Path, **how: Any) -> Any:
    """A tiny model on the processor and one thread: more threads only wait for one another."""
    facts = facts_of(family)
    return load_family(facts, find(facts, str(folder), None, folder), device="cpu", threads=1, **how)


@pytest.fixture(scope="session")
def pocket(pocket_folder: Path) -> WanModel:
    return load("pocket", pocket_folder)


@pytest.fixture(scope="session")
def big(big_folder: Path) -> WanModel:
    return load("wan2.2-ti2v-5b", big_folder, precision="fp32")
