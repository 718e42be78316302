"""Rendering with Mochi 1: as diffusers' own pipeline does it, and only with a scheduler that is reversed as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from filmforge.errors import WeightsError
from filmforge.video_models import load_family, runtime
from filmforge.video_models.facts import facts_of
from filmforge.video_models.model import VideoModel
from filmforge.video_models.weights import find

PROMPT = "a red ball rolls"


def load(folder: Path) -> VideoModel:
    facts = facts_of("mochi-1")
    weights = find(facts, str(folder), None, folder)
    return load_family(facts, weights, precision="fp32", device="cpu", threads=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.video_models.tiny import save_mochi_like

    return save_mochi_like(tmp_path_factory.mktemp("mochi"))


@pytest.fixture(scope="module")
def model(folder: Path) -> VideoModel:
    return load(folder)


def settings(model: VideoModel, **changes: Any) -> dict[str, Any]:
    positive, negative = model.encode([PROMPT, ""])
    return {
        "positive": positive,
        "negative": negative,
        "frames": 7,
        "size": (64, 32),
        "steps": 4,
        "guidance": 4.5,
        "shift": None,
        "seed": 7,
    } | changes


@pytest.mark.filterwarnings("ignore:In CPU autocast:UserWarning")
def test_it_is_what_the_pipeline_makes(model: VideoModel, folder: Path) -> None:
    """Frames agree to the level: the empty negative prompt is zeros, and mean and deviation are put back (trap 8)."""
    import diffusers

    pipeline = diffusers.MochiPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    with runtime.determined(1):
        plain = pipeline(
            prompt=PROMPT,
            negative_prompt="",
            height=32,
            width=64,
            num_frames=7,
            num_inference_steps=4,
            guidance_scale=4.5,
            generator=torch.Generator("cpu").manual_seed(7),
            output_type="np",
        ).frames[0]
    frames = model.decode(model.sample(**settings(model)))
    assert frames.shape == (7, 32, 64, 3)
    assert np.array_equal(frames, (plain * 255).round().astype(np.uint8))


def test_levels_run_upwards(model: VideoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 5: what the transformer is told runs from 0 (all noise), linear to 25 of 1000 in the first half of the
    steps."""
    seen: list[float] = []
    forward = type(model.transformer).forward

    def watched(self: Any, *args: Any, **named: Any) -> Any:
        seen.append(float(named["timestep"][0]))
        return forward(self, *args, **named)

    monkeypatch.setattr(type(model.transformer), "forward", watched)
    model.sample(**settings(model))
    assert seen == sorted(seen)
    assert seen[:3] == pytest.approx([0, 12.5, 25], abs=1e-3)


def test_a_scheduler_that_is_not_reversed_is_refused(tmp_path: Path) -> None:
    """diffusers would sample with it, and draw noise."""
    from tests.video_models.tiny import save_mochi_like

    with pytest.raises(WeightsError, match="invert_sigmas"):
        load(save_mochi_like(tmp_path / "m", inverted=False))


def test_the_published_variant_is_read(folder: Path, tmp_path: Path, model: VideoModel) -> None:
    """The official folder holds its weights twice; those in 16 bits are read, and counted once."""
    import shutil

    from filmforge.video_models.published import release_in

    both = Path(shutil.copytree(folder, tmp_path / "m"))
    for part in ("transformer", "vae"):
        plain = both / part / "diffusion_pytorch_model.safetensors"
        plain.rename(plain.with_name("diffusion_pytorch_model.bf16.safetensors"))
        plain.write_bytes(b"never read")
    assert load(both).sample(**settings(model))["latents"].equal(model.sample(**settings(model))["latents"])
    counted = release_in(both, "bf16").parts["transformer"].parameters
    assert counted == sum(p.numel() for p in model.transformer.parameters())


@pytest.mark.parametrize("change", [{"seed": 8}, {"guidance": 2.0}, {"steps": 5}])
def test_what_is_declared_counts(model: VideoModel, change: dict[str, Any]) -> None:
    """Each makes another clip."""
    base = model.sample(**settings(model))["latents"]
    assert not base.equal(model.sample(**settings(model, **change))["latents"])


@pytest.mark.parametrize(
    "change",
    [{"frames": 9}, {"size": (64, 40)}, {"shift": 3.0}, {"steps": 1}, {"start": np.zeros((32, 64, 3))}],
)
def test_nothing_is_rounded_or_left_out(model: VideoModel, change: dict[str, Any]) -> None:
    """diffusers would return fewer frames without a word, and has no place for a shift or a first frame."""
    with pytest.raises(ValueError, match="mochi-1"):
        model.sample(**settings(model, **change))
