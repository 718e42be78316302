"""Kernels of attention and compiled blocks: at work where they are declared and not elsewhere, or refused."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from filmforge.errors import FilmforgeError
from filmforge.video_models import kernels
from filmforge.video_models.facts import facts_of
from filmforge.video_models.lora_file import LoraUse
from filmforge.video_models.memory import MemoryPlan
from tests.video_models import tiny
from tests.video_models.conftest import load
from tests.video_models.test_caching import sampled
from tests.video_models.test_model_lora import lightning


def test_another_kernel(pocket_folder: Path) -> None:
    """It changes the last bits, and only of the clip that declares it."""
    model = load("pocket", pocket_folder)
    plain = sampled(model, {})
    other = sampled(model, {"attention": "math"})
    assert not other.equal(plain)
    assert other.allclose(plain, atol=1e-3)
    assert sampled(model, {"attention": "math"}).equal(other)
    assert sampled(model, {}).equal(plain)


def test_what_the_environment_says(pocket_folder: Path) -> None:
    """diffusers would take another kernel from a variable, and pixels would change unseen."""
    from diffusers.models.attention_dispatch import attention_backend

    model = load("pocket", pocket_folder)
    plain = sampled(model, {})
    with attention_backend("_native_math"):
        assert sampled(model, {}).equal(plain)


@pytest.mark.parametrize("save", [tiny.save_ltx_like, tiny.save_hunyuan_like])
def test_with_masks(save: Any, tmp_path: Path) -> None:
    """The families whose text is masked take the kernels that their facts name."""
    family = "ltx-video" if save is tiny.save_ltx_like else "hunyuan-video"
    model = load(family, save(tmp_path / "m"), precision="fp32")
    assert not sampled(model, {"attention": "math"}).equal(sampled(model, {}))


@pytest.mark.parametrize(
    ("family", "attention", "precision", "said"),
    [
        ("wan2.2-ti2v-5b", "sage", "bf16", ""),
        ("wan2.2-ti2v-5b", "native", "fp32", ""),
        ("wan2.2-ti2v-5b", "flash", "fp32", "computes in sixteen bits"),
        ("ltx-video", "flash", "bf16", "cannot attend by flash; it can by native, math, cudnn"),
        ("mochi-1", "math", "bf16", "cannot attend by math; it can by native"),
    ],
)
def test_which_can(family: str, attention: kernels.Attention, precision: str, said: str) -> None:
    found = kernels.unfit(facts_of(family), attention, precision)
    assert (said in found) if said else (found == "")


def test_what_this_machine_cannot(pocket_folder: Path) -> None:
    """Said before anything is sampled."""
    model = load("pocket", pocket_folder)
    with pytest.raises(FilmforgeError, match="needs an NVIDIA GPU"), model.quickened({"attention": "cudnn"}):
        pass
    if find_spec("sageattention") is None:
        with (
            pytest.raises(FilmforgeError, match="pip install sageattention"),
            model.quickened({"attention": "sage"}),
        ):
            pass


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:`torch.jit:DeprecationWarning"
)  # of torch, from importing its own compiler
@pytest.mark.skipif(not shutil.which("g++"), reason="no compiler")
def test_compiled_blocks(pocket_folder: Path) -> None:
    """Compiled once, at work where that is declared, nearly the same picture; the clip after it is as before."""
    model = load("pocket", pocket_folder)
    plain = sampled(model, {})
    compiled = sampled(model, {"compiled": True})
    block = model.transformer.blocks[0]
    kept = block.__dict__["filmforge_compiled"]
    assert block._compiled_call_impl is None
    assert compiled.allclose(plain, atol=1e-3)
    assert sampled(model, {}).equal(plain)
    assert sampled(model, {"compiled": True}).equal(compiled)
    assert block.__dict__["filmforge_compiled"] is kept


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.skipif(not shutil.which("g++"), reason="no compiler")
def test_compiled_and_more(pocket_folder: Path, tmp_path: Path) -> None:
    """LoRAs come and go on blocks that were compiled without them; where the blocks wait elsewhere, it is the same clip."""
    model = load("pocket", pocket_folder)
    base = sampled(model, {"compiled": True})
    lora = lightning(tmp_path / "loras/quick.safetensors", 1)
    for weight in (1.0, 0.5):
        model.set_loras([LoraUse(lora, weight)])
        with_it = sampled(model, {"compiled": True})
        assert with_it.allclose(sampled(model, {}), atol=1e-3)
        assert not with_it.allclose(base, atol=1e-2)
    model.set_loras([])
    assert sampled(model, {"compiled": True}).equal(base)
    plan = MemoryPlan(stream_text=False, stream_transformers=True, clear=False, need={"text": 1.0})
    streamed = load("pocket", pocket_folder, memory=plan)
    assert sampled(streamed, {"compiled": True}).equal(base)


def test_without_a_compiler(pocket_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    model = load("pocket", pocket_folder)
    with pytest.raises(FilmforgeError, match=r"needs a C\+\+ compiler"), model.quickened({"compiled": True}):
        pass
