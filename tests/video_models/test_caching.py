"""The caches: at work where they are declared, gone afterwards, and blind to the clip before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filmforge.video_models import caching, load_family
from filmforge.video_models.facts import FAMILIES, facts_of
from filmforge.video_models.memory import MemoryPlan
from filmforge.video_models.weights import find
from tests.video_models import tiny

STEPS = 6
FIRST = ("blocks.0", "transformer_blocks.0")
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
    return sampled(model, {} if threshold is None else {"first_block_cache": threshold}, seed=seed)


def sampled(model: Any, cache: dict[str, float], *, guidance: float = 3.0, seed: int = 3) -> Any:
    """Latents of a short clip under a cache."""
    facts = model.facts
    settings = dict(facts.settings)
    if facts.guidance_low is not None:
        settings |= {"guidance_low": guidance, "boundary": facts.boundary}
    settings |= cache
    positive, negative = model.encode(["a ball", "blurry"])
    with model.quickened(settings):
        return model.sample(
            positive=positive, negative=negative if guidance > 1 else None,
            frames=facts.first + facts.frame_step, size=(64, 32),
            steps=STEPS, guidance=guidance, shift=facts.shift, seed=seed, settings=settings,
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
    with pytest.raises(RuntimeError, match="stopped"), model.quickened({"first_block_cache": 0.1}):
        raise RuntimeError("stopped")
    assert not model.transformer.is_cache_enabled


@pytest.mark.parametrize("kind", ["taylorseer", "pyramid-attention"])
@pytest.mark.parametrize("name", MODELS)
def test_those_of_every_few_steps(name: str, kind: caching.Kind, tmp_path: Path) -> None:
    """Work is saved and it is another clip, the same each time; the clip after it is that without again."""
    save, family, version = MODELS[name]
    model = load(save(tmp_path / "m"), family, version)
    guidance = 1.0 if caching.unfit(model.facts, kind, 3.0) else 3.0
    assert not caching.unfit(model.facts, kind, guidance)
    asked: list[int] = []
    for expert in model.experts:
        block = next(part for at, part in model.expert(expert).named_modules() if at in FIRST)
        attention = getattr(block, "attn1", None) or block.attn
        attention.to_q.register_forward_hook(lambda *_: asked.append(1))

    def made(cache: dict[str, float]) -> tuple[Any, int]:
        asked.clear()
        return sampled(model, cache, guidance=guidance), len(asked)

    plain, all_asked = made({})
    cached, fewer = made({caching.SETTINGS[kind]: 2})
    assert fewer < all_asked
    assert not cached.equal(plain)
    assert made({caching.SETTINGS[kind]: 2})[0].equal(cached)
    assert made({})[0].equal(plain)


def test_what_is_foretold(pocket_folder: Path) -> None:
    """After three steps, of every two the second is computed: of six steps, the blocks are asked at 1, 2, 3 and 5; at each
    for the prompt and for the negative one, whose outputs are foretold apart."""
    model = load(pocket_folder, "pocket")
    asked: list[int] = []
    model.transformer.blocks[-1].attn1.register_forward_hook(lambda *_: asked.append(1))
    sampled(model, {"taylorseer_cache": 2})
    assert len(asked) == 2 * 4


def test_two_passes_in_one_memory(pocket_folder: Path) -> None:
    """Why pyramid-attention is refused on Wan with guidance: what attention gave for the prompt would be taken for the
    negative one, and diffusers says nothing."""
    facts = facts_of("pocket")
    assert caching.unfit(facts, "pyramid-attention", 1.0) == ""
    assert "would take the one for the other" in caching.unfit(facts, "pyramid-attention", 3.5)
    model = load(pocket_folder, "pocket")
    seen: list[Any] = []
    model.transformer.blocks[0].attn1.register_forward_hook(lambda *given: seen.append(given[2]))
    sampled(model, {"pyramid_attention": 2})
    assert seen[-1].equal(seen[-2])


@pytest.mark.parametrize("kind", ["taylorseer", "pyramid-attention"])
def test_of_every_few_steps_streamed(kind: caching.Kind, pocket_folder: Path) -> None:
    """Where the blocks wait elsewhere, it is the same clip."""
    plan = MemoryPlan(stream_text=False, stream_transformers=True, clear=False, need={"text": 1.0})
    streamed, whole = load(pocket_folder, "pocket", memory=plan), load(pocket_folder, "pocket")
    cache = {caching.SETTINGS[kind]: 2.0}
    assert sampled(streamed, cache, guidance=1.0).equal(sampled(whole, cache, guidance=1.0))


def test_which_families_have_it() -> None:
    """All whose pipelines name the passes of a step. That of HunyuanVideo from an image does not, and fails with it."""
    able = {name for name, facts in FAMILIES.items() if facts.first_block_cache}
    assert able == set(FAMILIES) - {"animatic", "comfyui"}
    assert not facts_of("hunyuan-video").of_version("i2v").first_block_cache
