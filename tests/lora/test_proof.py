"""The proof that a LoRA does what it should, and that a plain diffusers pipeline agrees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from filmforge.errors import LoraError
from filmforge.lora.proof import prove
from filmforge.lora.train import TrainSettings, train
from filmforge.video_models import tensors
from filmforge.video_models.lora_file import LoraUse
from filmforge.video_models.wan import WanModel


@pytest.fixture
def lora(pocket: WanModel, dataset: Path, settings: TrainSettings, tmp_path: Path) -> Path:
    out = tmp_path / "lora.safetensors"
    train(pocket, dataset, settings, trigger="mira", scratch=tmp_path, out=out)
    return out


def changed(path: Path, change: Callable[[str, Tensor], Tensor]) -> Path:
    """The same LoRA with other numbers in it."""
    held = {name: change(name, value) for name, value in tensors.load(path).items()}
    copy = path.with_name("changed")
    tensors.save(copy, held, tensors.metadata(path))
    return copy


def test_a_trained_lora_is_proven(pocket: WanModel, lora: Path, dataset: Path) -> None:
    """Rank, alpha and modules as trained; the picture moves; no LoRA is left on the model."""
    proof = prove(pocket, lora, dataset)
    assert (proof.rank, proof.alpha, proof.modules) == (4, 8.0, 20)
    assert proof.change > 0
    assert not getattr(pocket.transformer, "peft_config", None)


def test_one_that_learned_nothing_is_not(pocket: WanModel, lora: Path, dataset: Path) -> None:
    """All zero, or too small to be seen: which proof failed is said."""
    zero = changed(lora, lambda name, value: value * (0 if "lora_B" in name else 1))
    with pytest.raises(LoraError, match="every lora_B of transformer is zero"):
        prove(pocket, zero, dataset)
    faint = changed(lora, lambda name, value: value * 1e-5)
    with pytest.raises(LoraError, match="weight 1 failed: it changes the picture by only"):
        prove(pocket, faint, dataset)


def test_a_picture_that_is_not_the_trainer_s_is_told(
    pocket: WanModel, dataset: Path, settings: TrainSettings, tmp_path: Path
) -> None:
    """From the file it is what the adapter in memory drew; with its alpha lost (trap 1) it is another."""
    out, preview = tmp_path / "lora.safetensors", tmp_path / "preview"
    train(pocket, dataset, settings, trigger="mira", scratch=tmp_path, out=out, preview=preview)
    assert prove(pocket, out, dataset, preview=preview).change > 0
    assert not getattr(pocket.transformer, "peft_config", None)
    said = tensors.metadata(out)
    del said["lora_adapter_metadata"]
    tensors.save(out, tensors.load(out), said)
    with pytest.raises(LoraError, match="trainer's preview failed"):
        prove(pocket, out, dataset, preview=preview)


def test_a_picture_that_is_touched_at_weight_0_is_told(
    pocket: WanModel, lora: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renderer that lets a silent LoRA act is caught."""
    from filmforge.video_models.loras import Loras

    use = Loras.use
    monkeypatch.setattr(
        Loras, "use", lambda self, uses: use(self, [LoraUse(one.path, one.weight or 0.1) for one in uses])
    )
    with pytest.raises(LoraError, match="proof at weight 0 failed"):
        prove(pocket, lora, dataset)


def test_a_file_that_says_nothing_of_itself_is_told(pocket: WanModel, lora: Path, dataset: Path) -> None:
    """Rank, alpha and base stand in the file, or it is not proven."""
    tensors.save(lora, tensors.load(lora), {})
    with pytest.raises(LoraError, match="proof of its metadata failed"):
        prove(pocket, lora, dataset)


def test_a_plain_pipeline_loads_it_with_the_same_effect(pocket: WanModel, folder: Path, lora: Path) -> None:
    """Traps 1 and 2 from the other side: `load_lora_weights` finds the adapter, alpha and all."""
    from diffusers import WanPipeline

    pipeline = WanPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(lora.parent, weight_name=lora.name, adapter_name="mira")
    layer = pipeline.transformer.blocks[0].attn1.to_q
    assert layer.scaling["mira"] == 2.0  # alpha 8, rank 4
    assert layer.lora_B["mira"].weight.any()
    text = pocket.encode(["mira, a fox"])[0]
    pocket.set_loras([LoraUse(lora)])
    own = pocket.sample(
        positive=text, negative=None, frames=1, size=(64, 32), steps=2, guidance=1.0, shift=3.0, seed=4
    )["latents"]
    pocket.set_loras([])
    plain = pipeline(
        prompt_embeds=text["embeds"][None],
        height=32,
        width=64,
        num_frames=1,
        num_inference_steps=2,
        guidance_scale=1.0,
        generator=torch.Generator("cpu").manual_seed(4),
        output_type="latent",
    ).frames
    assert torch.allclose(own, plain, atol=1e-5)
