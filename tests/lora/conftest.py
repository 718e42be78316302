"""A tiny pocket, photos of a character, and a data set prepared from them, once a session."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filmforge.lora.dataset import Example, prepare
from filmforge.lora.train import TrainSettings, settings_for
from filmforge.video_models.facts import LoraFacts, facts_of
from filmforge.video_models.wan import WanModel
from tests.video_models.conftest import load
from tests.video_models.tiny import save_pocket_like


def small(facts: LoraFacts, size: tuple[int, int] = (64, 32)) -> LoraFacts:
    """The family's training, at a size that a test can afford."""
    return replace(facts, size=size, prior_captions=facts.prior_captions[:3])


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pocket_like(tmp_path_factory.mktemp("pocket"))


@pytest.fixture(scope="session")
def pocket(folder: Path) -> WanModel:
    model = load("pocket", folder)
    assert model.facts.lora
    model.facts = replace(model.facts, lora=small(model.facts.lora))
    return model


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("photos")
    chance = np.random.default_rng(0)
    paths = []
    for number in range(4):
        blocks = chance.integers(0, 255, (4, 7, 3), dtype=np.uint8)
        paths.append(place / f"{number}.png")
        Image.fromarray(blocks).resize((112, 64), Image.Resampling.NEAREST).save(paths[-1])
    return paths


@pytest.fixture(scope="session")
def dataset(pocket: WanModel, photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dataset") / "dataset.safetensors"
    prepare(pocket, [Example(path, "mira, a fox") for path in photos], out, trigger="mira")
    return out


@pytest.fixture
def settings() -> TrainSettings:
    """A short training; alpha is not the rank, so that losing it shows."""
    short = settings_for(facts_of("pocket"), rank=4, steps=6, learning_rate=1e-2, seed=5)
    return replace(short, alpha=8, batch=4)


def kill_once(command: list[str], ready: Callable[[], bool]) -> None:
    """Run `command`, and kill it outright once `ready` says so; it must not have ended by itself before."""
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as process:
        try:
            limit = time.monotonic() + 120
            while not ready() and time.monotonic() < limit:
                assert process.poll() is None, "the training ended before it could be killed"
                time.sleep(0.005)
        finally:
            process.kill()
