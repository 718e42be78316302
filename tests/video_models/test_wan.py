"""Rendering with the Wan TI2V layout: pocket's and the 5B's go through the same code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from filmforge.errors import FilmforgeError, WeightsError
from filmforge.video_models import load_family, runtime
from filmforge.video_models.facts import facts_of
from filmforge.video_models.sampling import Frame, cover
from filmforge.video_models.wan import WanModel
from filmforge.video_models.weights import Weights
from tests.video_models.conftest import load

PROMPT = 'a "red" ball,\n rolls 🎬 ; [in]scale=1:1[out]'


def settings(model: WanModel, **changes: Any) -> dict[str, Any]:
    """A short sampling at the smallest size worth having."""
    positive, negative = model.encode([PROMPT, ""])
    unit = model.facts.size_multiple
    return {
        "positive": positive,
        "negative": negative,
        "frames": 5,
        "size": (2 * unit, unit),
        "steps": 3,
        "guidance": 3.5,
        "shift": model.facts.shift,
        "seed": 7,
    } | changes


@pytest.fixture(params=["pocket", "big"])
def model(request: pytest.FixtureRequest) -> WanModel:
    found: WanModel = request.getfixturevalue(request.param)
    return found


class TestEncode:
    def test_embeddings_have_the_family_length_and_end_in_zeros(self, model: WanModel) -> None:
        """Trap 7: encode_prompt alone would give 226 tokens; past the prompt's end there is nothing."""
        embeds = model.encode(["ab"])[0]["embeds"]
        assert embeds.shape[0] == model.facts.text_length == (64 if model.facts.id == "pocket" else 512)
        tokens = len("ab") + 1  # one a byte, and the end mark
        assert embeds[:tokens].abs().sum(dim=1).all()
        assert not embeds[tokens:].any()

    def test_a_prompt_embeds_the_same_alone_and_in_company(self, pocket: WanModel) -> None:
        """A shot's text must not get other bits because another shot's was encoded beside it."""
        alone = pocket.encode([PROMPT])[0]["embeds"]
        among = pocket.encode(["x", PROMPT, "a longer prompt than that", PROMPT])
        assert alone.equal(among[1]["embeds"])
        assert alone.equal(among[3]["embeds"])

    def test_it_is_what_the_pipeline_would_embed(self, pocket: WanModel, pocket_folder: Path) -> None:
        """The pipeline, given the prompt itself, arrives at the same latents."""
        from diffusers import WanPipeline

        pipeline = WanPipeline.from_pretrained(pocket_folder)
        pipeline.set_progress_bar_config(disable=True)
        with runtime.determined(1):
            plain = pipeline(
                PROMPT,
                negative_prompt="",
                height=16,
                width=32,
                num_frames=5,
                num_inference_steps=3,
                guidance_scale=3.5,
                max_sequence_length=64,
                generator=torch.Generator("cpu").manual_seed(7),
                output_type="latent",
            ).frames
        assert pocket.sample(**settings(pocket))["latents"].equal(plain)

    def test_words_past_the_end_are_named(self, pocket: WanModel) -> None:
        """What does not fit is said, not only dropped; what fits is not complained of."""
        assert pocket.words_cut("a" * 63) == ""
        assert pocket.words_cut("a" * 63 + "bcd") == "bcd"


class TestSample:
    def test_repetition_gives_equal_bits(self, model: WanModel, request: pytest.FixtureRequest) -> None:
        """Twice in one process, and in a model loaded afresh with the text encoder dropped."""
        first = model.sample(**settings(model))["latents"]
        model.drop_text_encoder()
        again = model.sample(**settings(model))["latents"]
        folder = request.getfixturevalue(f"{'pocket' if model.facts.id == 'pocket' else 'big'}_folder")
        fresh = load(model.facts.id, folder, precision="fp32")
        assert first.equal(again)
        assert first.equal(fresh.sample(**settings(fresh))["latents"])

    @pytest.mark.parametrize("change", [{"seed": 8}, {"shift": 1.0}, {"guidance": 2.0}, {"steps": 4}])
    def test_what_is_declared_counts(self, model: WanModel, change: dict[str, Any]) -> None:
        """Seed, shift, guidance and steps each make another picture."""
        base = model.sample(**settings(model))["latents"]
        assert not base.equal(model.sample(**settings(model, **change))["latents"])

    def test_the_latents_have_the_family_shape(self, model: WanModel) -> None:
        """Four frames share a latent after the first; frames and sides come back exactly."""
        drawn = settings(model, frames=9)
        latents = model.sample(**drawn)
        width, height = drawn["size"]
        scale = model.facts.size_multiple // 2
        assert latents["latents"].shape[2:] == (3, height // scale, width // scale)
        frames = model.decode(latents)
        assert frames.shape == (9, height, width, 3)
        assert frames.dtype == np.uint8
        assert np.array_equal(frames, model.decode(latents))

    @pytest.mark.parametrize(
        "change", [{"frames": 6}, {"frames": 1000}, {"size": (40, 32)}, {"size": (0, 32)}]
    )
    def test_nothing_is_rounded(self, model: WanModel, change: dict[str, Any]) -> None:
        """diffusers would round frames and sizes with a warning; here they are refused."""
        with pytest.raises(ValueError, match=model.facts.id):
            model.sample(**settings(model, **change))

    def test_without_guidance_the_negative_has_no_part(self, pocket: WanModel) -> None:
        """At guidance 1 it may be left out, and above it may not."""
        with_one = pocket.sample(**settings(pocket, guidance=1.0))["latents"]
        assert with_one.equal(pocket.sample(**settings(pocket, guidance=1.0, negative=None))["latents"])
        with pytest.raises(ValueError, match="negative"):
            pocket.sample(**settings(pocket, negative=None))

    def test_steps_are_reported(self, model: WanModel) -> None:
        """One report a step, counted from 1."""
        seen: list[tuple[int, int]] = []
        model.sample(**settings(model, on_step=lambda done, total: seen.append((done, total))))
        assert seen == [(1, 3), (2, 3), (3, 3)]

    def test_threads_and_strictness_are_put_back(self, pocket: WanModel) -> None:
        """Sampling leaves torch as it found it."""
        before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
        pocket.sample(**settings(pocket))
        assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


class TestStartFrame:
    def picture(self, size: tuple[int, int]) -> Frame:
        ramp = np.linspace(0, 255, size[0] * size[1] * 3).reshape(size[1], size[0], 3)
        return ramp.astype(np.uint8)

    def test_the_first_latent_is_the_given_picture(self, model: WanModel) -> None:
        """Image to video goes through the same weights; its first latent is the picture's own, untouched."""
        drawn = settings(model)
        start = self.picture(drawn["size"])
        latents = model.sample(**drawn, start=start)["latents"]
        own = model.encode_frames(start[np.newaxis])
        assert latents[0, :, :1].equal(own)
        assert not latents.equal(model.sample(**drawn)["latents"])
        # The VAE is causal: the first frame that comes out is the given one, as well as the VAE can draw it.
        drawn_again = model.decode({"latents": own[None]})[0].astype(int)
        first = model.decode({"latents": latents})[0].astype(int)
        assert np.abs(first - drawn_again).max() <= 1

    def test_another_size_is_cropped_and_never_stretched(self) -> None:
        """A picture of another shape covers the frame about its centre."""
        wide = np.zeros((10, 40, 3), dtype=np.uint8)
        wide[:, 15:25] = 255
        assert np.asarray(cover(wide, (10, 10))).min() == 255
        same = self.picture((32, 16))
        assert np.array_equal(np.asarray(cover(same, (32, 16))), same)


class TestLoad:
    def test_parts_stay_in_the_precision_they_need(self, big_folder: Path) -> None:
        """Trap 11: in bf16, the VAE and the sensitive modules of the transformer stay in fp32."""
        half = load("wan2.2-ti2v-5b", big_folder, precision="bf16")
        kinds = {name: p.dtype for name, p in half.transformer.named_parameters()}
        assert kinds["blocks.0.attn1.to_q.weight"] == torch.bfloat16
        assert kinds["condition_embedder.time_embedder.linear_1.weight"] == torch.float32
        assert kinds["blocks.0.scale_shift_table"] == torch.float32
        assert {p.dtype for p in half.vae.parameters()} == {torch.float32}
        latents = half.sample(**settings(half))
        assert latents["latents"].dtype == torch.float32
        assert latents["latents"].equal(half.sample(**settings(half))["latents"])

    @pytest.mark.parametrize("family", ["comfyui"])
    def test_families_that_cannot_render_yet_say_so(self, family: str) -> None:
        """One sentence, with what to do."""
        with pytest.raises(FilmforgeError, match=f"{family} can be checked and planned"):
            load_family(facts_of(family), Weights(family))

    def test_another_kind_of_model_is_refused(self, pocket_folder: Path, tmp_path: Path) -> None:
        """A Wan without per-token timesteps, or with another family's sizes, is not rendered with."""
        with pytest.raises(WeightsError, match="another kind of model"):
            # pocket's VAE divides by 8: fine for multiples of 32, so the other way round must fail.
            load("pocket", _with(pocket_folder, tmp_path / "a", "vae/config.json", scale_factor_spatial=32))
        with pytest.raises(WeightsError, match="expand_timesteps"):
            load("pocket", _with(pocket_folder, tmp_path / "b", "model_index.json", expand_timesteps=False))

    def test_damaged_weights_are_named(self, pocket_folder: Path, tmp_path: Path) -> None:
        """A cut file is reported with its place."""
        folder = Path(shutil.copytree(pocket_folder, tmp_path / "m"))
        weight = folder / "transformer" / "diffusion_pytorch_model.safetensors"
        weight.write_bytes(weight.read_bytes()[:1000])
        with pytest.raises(WeightsError, match="transformer cannot be loaded"):
            _ = load("pocket", folder).transformer


def _with(folder: Path, copy: Path, file: str, **changes: object) -> Path:
    shutil.copytree(folder, copy)
    values = json.loads((copy / file).read_text())
    (copy / file).write_text(json.dumps(values | changes))
    return copy
