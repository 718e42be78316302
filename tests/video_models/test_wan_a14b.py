"""Rendering with two experts: each in its own range of noise, with its own guidance, and both with the LoRAs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from filmforge.errors import WeightsError
from filmforge.video_models import load_family, runtime, tensors
from filmforge.video_models.facts import facts_of
from filmforge.video_models.lora_file import LoraUse
from filmforge.video_models.model import VideoModel
from filmforge.video_models.weights import find

PROMPT = "a red ball rolls"
STEPS = 4


def load(family: str, folder: Path, precision: str = "fp32") -> VideoModel:
    facts = facts_of(family)
    weights = find(facts, str(folder), None, folder)
    return load_family(facts, weights, precision=precision, device="cpu", threads=1)


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.video_models.tiny import save_a14b_like

    return save_a14b_like(tmp_path_factory.mktemp("t2v"))


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.video_models.tiny import save_a14b_like

    return save_a14b_like(tmp_path_factory.mktemp("i2v"), from_image=True)


@pytest.fixture(scope="module")
def text(text_folder: Path) -> VideoModel:
    return load("wan2.2-t2v-a14b", text_folder)


@pytest.fixture(scope="module")
def image(image_folder: Path) -> VideoModel:
    return load("wan2.2-i2v-a14b", image_folder)


def settings(model: VideoModel, **changes: Any) -> dict[str, Any]:
    positive, negative = model.encode([PROMPT, "grey"])
    return {
        "positive": positive,
        "negative": negative,
        "frames": 5,
        "size": (32, 16),
        "steps": STEPS,
        "guidance": model.facts.guidance,
        "shift": model.facts.shift,
        "seed": 7,
    } | changes


def by_hand(kind: str, folder: Path, *, shift: float, low: float, **arguments: Any) -> torch.Tensor:
    """What diffusers' own pipeline gives with a scheduler of this shift."""
    import diffusers

    pipeline = getattr(diffusers, kind).from_pretrained(folder)
    pipeline.scheduler = type(pipeline.scheduler).from_config(pipeline.scheduler.config, flow_shift=shift)
    pipeline.set_progress_bar_config(disable=True)
    with runtime.determined(1):
        latents: torch.Tensor = pipeline(
            prompt=PROMPT,
            negative_prompt="grey",
            height=16,
            width=32,
            num_frames=5,
            num_inference_steps=STEPS,
            guidance_scale_2=low,
            generator=torch.Generator("cpu").manual_seed(7),
            output_type="latent",
            **arguments,
        ).frames
    return latents


def ramp(size: tuple[int, int]) -> Any:
    return np.linspace(0, 255, size[0] * size[1] * 3).reshape(size[1], size[0], 3).astype(np.uint8)


class TestText:
    def test_it_is_what_the_pipeline_makes(self, text: VideoModel, text_folder: Path) -> None:
        """With shift 12, guidance 4 at high noise and 3 at low; the stored shift is 3 and would give another clip."""
        ours = text.sample(**settings(text))["latents"]
        assert ours.equal(by_hand("WanPipeline", text_folder, shift=12.0, low=3.0, guidance_scale=4.0))
        assert not ours.equal(by_hand("WanPipeline", text_folder, shift=3.0, low=3.0, guidance_scale=4.0))

    @pytest.mark.parametrize(
        "change", [{"guidance_low": 5.0, "boundary": 0.875}, {"guidance_low": 3.0, "boundary": 0.5}]
    )
    def test_settings_count(self, text: VideoModel, change: dict[str, float]) -> None:
        """The low expert's guidance and the boundary each make another clip."""
        base = text.sample(**settings(text))["latents"]
        assert not base.equal(text.sample(**settings(text), settings=change)["latents"])

    def test_each_expert_has_its_range(self, text: VideoModel, monkeypatch: pytest.MonkeyPatch) -> None:
        """Trap 4: the boundary is a noise level, 875 of 1000, and not a share of the steps."""
        seen: dict[str, list[float]] = {name: [] for name in text.experts}
        forward = type(text.transformer).forward

        def watched(self: Any, *args: Any, **named: Any) -> Any:
            who = next(name for name in text.experts if text.expert(name) is self)
            seen[who].append(float(named["timestep"].flatten()[0]))
            return forward(self, *args, **named)

        monkeypatch.setattr(type(text.transformer), "forward", watched)
        text.sample(**settings(text))
        assert min(seen["transformer"]) >= 875 > max(seen["transformer_2"])
        assert len(seen["transformer"]) == 2 * 3  # with guidance, each step asks twice: three of four steps


class TestImage:
    def test_it_is_what_the_pipeline_makes(self, image: VideoModel, image_folder: Path) -> None:
        """The given frame goes in as mask and latents beside the noise; shift 5, guidance 3.5 twice."""
        from filmforge.video_models.sampling import cover

        start = ramp((32, 16))
        ours = image.sample(**settings(image), start=start)["latents"]
        assert ours.equal(
            by_hand(
                "WanImageToVideoPipeline",
                image_folder,
                shift=5.0,
                low=3.5,
                guidance_scale=3.5,
                image=cover(start, (32, 16)),
            )
        )
        frames = image.decode({"latents": ours})
        assert frames.shape == (5, 16, 32, 3)
        assert np.array_equal(frames, image.decode({"latents": ours}))

    def test_between_two_images(self, image: VideoModel, image_folder: Path) -> None:
        """The last frame goes in as the pipeline's `last_image`; the clip is another than without, and decoded it ends
        elsewhere."""
        from filmforge.video_models.sampling import cover

        start = ramp((32, 16))
        end = start[::-1].copy()
        ours = image.sample(**settings(image), start=start, end=end)["latents"]
        asked = {"shift": 5.0, "low": 3.5, "guidance_scale": 3.5, "image": cover(start, (32, 16))}
        last = cover(end, (32, 16))
        assert ours.equal(by_hand("WanImageToVideoPipeline", image_folder, **asked, last_image=last))
        assert not ours.equal(image.sample(**settings(image), start=start)["latents"])


class TestLoras:
    def test_both_experts_have_it(self, text: VideoModel, tmp_path: Path) -> None:
        """Trap 3: loading alone touches only the expert for high noise. Each of them, on its own, changes the clip."""
        generator = torch.Generator().manual_seed(0)
        held = {}
        for name in ("blocks.0.attn1.to_q", "blocks.1.attn2.to_out.0"):
            linear = text.transformer.get_submodule(name)
            held[f"transformer.{name}.lora_A.weight"] = torch.randn(
                2, linear.in_features, generator=generator
            )
            held[f"transformer.{name}.lora_B.weight"] = torch.randn(
                linear.out_features, 2, generator=generator
            )
        path = tmp_path / "lora.safetensors"
        tensors.save(path, held)
        # The boundary decides who works: below every level the first expert alone, above them the second.
        alone = {
            name: {"guidance_low": 3.0, "boundary": at}
            for name, at in zip(text.experts, (0.0, 1.1), strict=True)
        }
        base = {
            name: text.sample(**settings(text), settings=given)["latents"] for name, given in alone.items()
        }
        text.set_loras([LoraUse(path)])
        try:
            for name, given in alone.items():
                assert not base[name].equal(text.sample(**settings(text), settings=given)["latents"]), name
            text.set_loras([LoraUse(path, 0.0)])
            for name, given in alone.items():
                assert base[name].equal(text.sample(**settings(text), settings=given)["latents"]), name
        finally:
            text.set_loras([])
        assert base["transformer"].equal(
            text.sample(**settings(text), settings=alone["transformer"])["latents"]
        )


class TestRefused:
    def test_weights_of_the_other_kind(
        self, text_folder: Path, image_folder: Path, pocket_folder: Path
    ) -> None:
        """Text to video, image to video and a Wan of one transformer are told apart before anything is sampled."""
        with pytest.raises(WeightsError, match="takes 36 channels"):
            load("wan2.2-t2v-a14b", image_folder)
        with pytest.raises(WeightsError, match="takes 16 channels"):
            load("wan2.2-i2v-a14b", text_folder)
        with pytest.raises(WeightsError, match="one transformer"):
            load("wan2.2-t2v-a14b", pocket_folder)

    def test_another_boundary(self, text_folder: Path, tmp_path: Path) -> None:
        """Weights whose experts change elsewhere are another model."""
        folder = Path(shutil.copytree(text_folder, tmp_path / "m"))
        index = folder / "model_index.json"
        index.write_text(json.dumps(json.loads(index.read_text()) | {"boundary_ratio": 0.5}))
        with pytest.raises(WeightsError, match=r"change at 0\.5, those of wan2\.2-t2v-a14b at 0\.875"):
            load("wan2.2-t2v-a14b", folder)

    def test_a_start_frame_where_it_does_not_belong(self, text: VideoModel, image: VideoModel) -> None:
        """Each kind of weights says what it needs; so does a sampling without a shift."""
        with pytest.raises(ValueError, match="no picture"):
            text.sample(**settings(text), start=ramp((32, 16)))
        with pytest.raises(ValueError, match="a picture to start from"):
            image.sample(**settings(image))
        with pytest.raises(ValueError, match="needs its shift"):
            text.sample(**settings(text, shift=None))


def test_sensitive_modules_stay_in_fp32(text_folder: Path) -> None:
    """Trap 11, for both experts: a blanket cast would undo what diffusers keeps."""
    half = load("wan2.2-t2v-a14b", text_folder, "bf16")
    for name in half.experts:
        kinds = {n: p.dtype for n, p in half.expert(name).named_parameters()}
        assert kinds["blocks.0.attn1.to_q.weight"] == torch.bfloat16
        assert kinds["condition_embedder.time_embedder.linear_1.weight"] == torch.float32
    assert {p.dtype for p in half.vae.parameters()} == {torch.float32}
