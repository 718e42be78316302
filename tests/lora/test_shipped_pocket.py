"""The weights that ship: image to video keeps its first frame, and a LoRA learns a character from photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from filmforge.lora.dataset import Example, prepare, read
from filmforge.lora.proof import prove
from filmforge.lora.train import settings_for, train
from filmforge.video_models import load_family
from filmforge.video_models.facts import facts_of
from filmforge.video_models.lora_file import LoraUse
from filmforge.video_models.sampling import Frame
from filmforge.video_models.wan import WanModel
from filmforge.video_models.weights import find

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shipped() -> WanModel:
    facts = facts_of("pocket")
    return load_family(facts, find(facts, None, None, Path.cwd()), device="cpu")


def photo(number: int) -> Frame:
    """A green puppet with a red hat on a plain ground, somewhere else each time."""
    image = Image.new("RGB", (160, 96), (236, 226, 206))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 70, 160, 96), fill=(150, 178, 112))
    x = 40 + 20 * number
    draw.ellipse((x - 16, 34, x + 16, 80), fill=(40, 140, 80))
    draw.ellipse((x - 12, 18, x + 12, 42), fill=(70, 170, 100))
    draw.polygon([(x - 13, 22), (x + 13, 22), (x, 2)], fill=(206, 48, 44))
    return np.array(image, dtype=np.uint8)


def test_the_first_frame_is_the_given_one(shipped: WanModel) -> None:
    """Continuity from shot to shot: what the VAE can draw of it, and that is at least 22 dB."""
    start = photo(2)
    text, empty = shipped.encode(["a green frog walks to the right", ""])
    latents = shipped.sample(
        positive=text, negative=empty, frames=5, size=(160, 96), steps=4,
        guidance=3.5, shift=3.0, seed=1, start=start,
    )  # fmt: skip
    error = shipped.decode(latents)[0].astype(float) - start
    assert 10 * np.log10(255**2 / np.square(error).mean()) > 22


def test_a_short_training_moves_samples_towards_the_photos(shipped: WanModel, tmp_path: Path) -> None:
    """Prompted by her trigger, pictures come nearer to the photos than the base's at the same seeds."""
    examples = []
    for number in range(4):
        path = tmp_path / f"{number}.png"
        Image.fromarray(photo(number)).save(path)
        examples.append(Example(path, "zibo, a green puppet with a red pointed hat"))
    prepare(shipped, examples, tmp_path / "d", trigger="zibo")
    settings = replace(settings_for(shipped.facts, steps=60), batch=4)
    lora = tmp_path / "lora"
    train(shipped, tmp_path / "d", settings, trigger="zibo", scratch=tmp_path, out=lora)
    assert prove(shipped, lora, tmp_path / "d").change > 0.01
    clips = [item.latents for item in read(tmp_path / "d").items]
    text, empty = shipped.encode([examples[0].caption, ""])

    def nearest(uses: list[LoraUse], seed: int) -> float:
        shipped.set_loras(uses)
        made = shipped.sample(
            positive=text, negative=empty, frames=1, size=(160, 96), steps=8,
            guidance=3.5, shift=3.0, seed=seed,
        )["latents"][0]  # fmt: skip
        return min(float((made - clip).square().mean()) for clip in clips)

    for seed in (1, 2):
        assert nearest([LoraUse(lora)], seed) < 0.8 * nearest([], seed)
    shipped.set_loras([])
