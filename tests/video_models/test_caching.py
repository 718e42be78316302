"""The first-block cache: at work where it is declared, gone afterwards, and blind to the clip before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filmforge.video_models import load_family
from filmforge.video_models.facts import FAMILIES, facts_of
from filmforge.video_models.memory import MemoryPlan
from filmforge.video_models.weights import find
from tests.video_models import tiny

STEPS = 6
MODELS: dict[str, tuple[Callable[[Path], Path], str, str | None]] = {
    "pocket": (tiny.save_pocket_like, "pocket", None),
    "wan2.2-t2v-a14b": (tiny.save_a14b_like, "wan2.2-t2v-a14b", None),
    "ltx-video": (tiny.save_ltx_like, "ltx-video", None),
    "ltx-video 0.9.7": (lambda to: tiny.save_ltx_like(to, conditioned=True), "ltx-video", "0.9.7-dev"),
    "hunyuan-video": (tiny.save_hunyuan_like, "hunyuan-video", None),
    "mochi-1": (tiny.save_mochi_like, "mochi-1", None),
}


def load(folder: Path, family: str, version: str | None = None, memory: MemoryPlan | None = None) -> Any:
    facts = facts_of(family).of_version(version)
    weights = find(facts, str(folder), None, folder)
    return load_family(facts, weights, precision="fp32", device="cpu", threads=1, memory=memory)


def clip(model: Any, threshold: float | None, seed: int = 3) -> Any:
    """Latents of a short clip with guidance, so that each step has two passes."""
    facts = model.facts
    settings = dict(facts.settings)
    if facts.guidance_low is not None:
        settings |= {"guidance_low": 3.0, "boundary": facts.boundary}
    if threshold is not None:
        settings["first_block_cache"] = threshold
    positive, negative = model.encode(["a ball", "blurry"])
    with model.cached(settings):
        return model.sample(
            positive=positive, negative=negative, frames=facts.first + facts.frame_step, size=(64, 32),
            steps=STEPS, guidance=3.0, shift=facts.shift, seed=seed, settings=settings,
        )["latents"]  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_of_each_family(name: str, tmp_path: Path) -> None:
    """Where nothing may change, it is the clip without; where all may, blocks are passed over and it is another clip. The
    clip after it is that without again."""
    save, family, version = MODELS[name]
    model = load(save(tmp_path / "m"), family, version)
    plain = clip(model, None)
    assert clip(model, 1e-9).equal(plain)
    assert not clip(model, 1.0).equal(plain)
    assert not any(model.expert(expert).is_cache_enabled for expert in model.experts)
    assert clip(model, None).equal(plain)


def test_blocks_are_passed_over(pocket_folder: Path) -> None:
    """The last block is asked at the first step alone, once for the prompt and once for the negative one."""
    model = load(pocket_folder, "pocket")
    asked: list[int] = []
    block = model.transformer.blocks[-1]
    block.attn1.register_forward_hook(lambda *_: asked.append(1))
    clip(model, 1.0)
    assert len(asked) == 2
    clip(model, None)
    assert len(asked) == 2 + 2 * STEPS


def test_blind_to_the_clip_before(pocket_folder: Path) -> None:
    """A shot is the same alone and after another."""
    model = load(pocket_folder, "pocket")
    clip(model, 0.3, seed=9)
    assert clip(model, 0.3).equal(clip(load(pocket_folder, "pocket"), 0.3))


def test_streamed(pocket_folder: Path) -> None:
    """Where the blocks wait elsewhere, it is the same clip."""
    plan = MemoryPlan(stream_text=False, stream_transformers=True, clear=False, need={"text": 1.0})
    streamed = load(pocket_folder, "pocket", memory=plan)
    assert clip(streamed, 0.3).equal(clip(load(pocket_folder, "pocket"), 0.3))


def test_after_a_failure(pocket_folder: Path) -> None:
    """It is gone as well: the next shot may have declared none."""
    model = load(pocket_folder, "pocket")
    with pytest.raises(RuntimeError, match="stopped"), model.cached({"first_block_cache": 0.1}):
        raise RuntimeError("stopped")
    assert not model.transformer.is_cache_enabled


def test_which_families_have_it() -> None:
    """All whose pipelines name the passes of a step. That of HunyuanVideo from an image does not, and fails with it."""
    able = {name for name, facts in FAMILIES.items() if facts.first_block_cache}
    assert able == set(FAMILIES) - {"animatic", "comfyui"}
    assert not facts_of("hunyuan-video").of_version("i2v").first_block_cache
