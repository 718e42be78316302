"""Training on every family: a LoRA trained on one clip brings what its pipeline samples nearer to that clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from filmforge.editing.frames import FrameWriter
from filmforge.lora.dataset import Example, prepare, read
from filmforge.lora.train import settings_for, train
from filmforge.video_models import load_family, tensors
from filmforge.video_models.facts import facts_of
from filmforge.video_models.lora_file import LoraUse
from filmforge.video_models.model import VideoModel
from filmforge.video_models.weights import find
from tests.lora.conftest import small
from tests.video_models import tiny

SIZE = (64, 32)
MADE: dict[str, tuple[str, str | None, Callable[..., Path]]] = {
    "ltx": ("ltx-video", None, tiny.save_ltx_like),
    "ltx-0.9.5": ("ltx-video", "0.9.5", partial(tiny.save_ltx_like, conditioned=True)),
    "t2v-a14b": ("wan2.2-t2v-a14b", None, tiny.save_a14b_like),
    "i2v-a14b": ("wan2.2-i2v-a14b", None, partial(tiny.save_a14b_like, from_image=True)),
    "mochi": ("mochi-1", None, tiny.save_mochi_like),
    "hunyuan": ("hunyuan-video", None, tiny.save_hunyuan_like),
}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], VideoModel]:
    """Tiny models by name, each made when it is first asked for."""
    held: dict[str, VideoModel] = {}

    def model(name: str) -> VideoModel:
        if name not in held:
            family, version, save = MADE[name]
            facts = facts_of(family).of_version(version)
            folder = save(tmp_path_factory.mktemp("model"))
            made = load_family(
                facts, find(facts, str(folder), None, folder), precision="fp32", device="cpu", threads=1
            )
            assert facts.lora
            made.facts = replace(facts, lora=replace(small(facts.lora, SIZE), prior=0.0))
            held[name] = made
        return held[name]

    return model


def clip_file(model: VideoModel, path: Path) -> Path:
    """A clip of two fields of colour, of the family's second shortest length, at its rate."""
    frame = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)
    frame[:, :32] = (250, 40, 40)
    frame[:, 32:] = (30, 60, 240)
    with FrameWriter(path, SIZE, model.facts.fps) as writer:
        for _ in range(model.facts.first + model.facts.frame_step):
            writer.write(frame)
    return path


def prepared(model: VideoModel, place: Path) -> Path:
    out = place / "dataset"
    prepare(model, [Example(clip_file(model, place / "clip.mkv"), "mira")], out, trigger="mira", seed=0)
    return out


def trained(model: VideoModel, dataset: Path, place: Path, **changes: Any) -> Path:
    settings = settings_for(model.facts, rank=8, steps=60, learning_rate=2e-2)
    settings = replace(settings, **{"batch": 4, "caption_dropout": 0.0} | changes)
    out = place / "lora.safetensors"
    train(model, dataset, settings, trigger="mira", scratch=place / "scratch", out=out)
    return out


def sample(model: VideoModel, seed: int, start: Any = None, **changes: Any) -> Tensor:
    facts = model.facts
    if start is None and not facts.text_to_video:
        start = np.full((SIZE[1], SIZE[0], 3), 90, dtype=np.uint8)
    text = model.encode(["mira", ""])
    asked: dict[str, Any] = {
        "positive": text[0],
        "negative": text[1],
        "frames": facts.first + facts.frame_step,
        "size": SIZE,
        "steps": 8,
        "guidance": 6.0 if facts.id == "hunyuan-video" else 1.0,
        "shift": facts.shift,
        "seed": seed,
        "start": start,
    }
    return model.sample(**asked | changes)["latents"][0]


def distances(model: VideoModel, uses: list[LoraUse], clip: Tensor) -> list[float]:
    model.set_loras(uses)
    found = [float((sample(model, seed) - clip).square().mean()) for seed in (1, 2)]
    model.set_loras([])
    return found


def of_expert(lora: Path, expert: str) -> Path:
    """The same LoRA without its other expert's part."""
    held = {key: value for key, value in tensors.load(lora).items() if key.startswith(f"{expert}.")}
    path = lora.with_name(expert)
    tensors.save(path, held, tensors.metadata(lora))
    return path


class TestDirection:
    @pytest.mark.parametrize("name", MADE)
    def test_samples_come_nearer(
        self, name: str, models: Callable[[str], VideoModel], tmp_path: Path
    ) -> None:
        """A wrong sign, timestep, shift, normalisation, packing, prefix or scale would each spoil this; for two experts,
        each alone brings them nearer, and both together most."""
        model = models(name)
        dataset = prepared(model, tmp_path)
        lora = trained(model, dataset, tmp_path)
        clip = read(dataset).items[0].latents
        base, near = distances(model, [], clip), distances(model, [LoraUse(lora)], clip)
        away = distances(model, [LoraUse(lora, -1.0)], clip)
        print(name, base, near, away)
        assert all(n < 0.8 * b for b, n in zip(base, near, strict=True))
        assert all(a > n for a, n in zip(away, near, strict=True))
        if len(model.experts) > 1:
            for expert in model.experts:
                alone = distances(model, [LoraUse(of_expert(lora, expert))], clip)
                print(expert, alone)
                assert all(n < o < 0.97 * b for b, n, o in zip(base, near, alone, strict=True))
