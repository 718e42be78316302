"""Rendering with LTX-Video: as diffusers' own pipelines do it, and refused where they would go on with less."""

from __future__ import annotations

from collections.abc import Callable
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
NEGATIVE = "blurry"


def load(folder: Path, version: str | None = None, precision: str = "fp32") -> VideoModel:
    facts = facts_of("ltx-video").of_version(version)
    weights = find(facts, str(folder), None, folder)
    return load_family(facts, weights, precision=precision, device="cpu", threads=1)


@pytest.fixture(scope="module")
def tokens_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.video_models.tiny import save_ltx_like

    return save_ltx_like(tmp_path_factory.mktemp("ltx"))


@pytest.fixture(scope="module")
def later_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.video_models.tiny import save_ltx_like

    return save_ltx_like(tmp_path_factory.mktemp("later"), conditioned=True)


@pytest.fixture(scope="module")
def tokens(tokens_folder: Path) -> VideoModel:
    return load(tokens_folder)


@pytest.fixture(scope="module")
def later(later_folder: Path) -> VideoModel:
    return load(later_folder, "0.9.7-dev")


def settings(model: VideoModel, **changes: Any) -> dict[str, Any]:
    positive, negative = model.encode([PROMPT, NEGATIVE])
    return {
        "positive": positive,
        "negative": negative,
        "frames": 9,
        "size": (64, 32),
        "steps": 2,
        "guidance": 3.0,
        "shift": None,
        "seed": 7,
    } | changes


def by_hand(kind: str, folder: Path, **arguments: Any) -> Any:
    """What diffusers' own pipeline gives, called as its documentation does."""
    import diffusers

    pipeline = getattr(diffusers, kind).from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    with runtime.determined(1), torch.random.fork_rng():
        return pipeline(
            prompt=PROMPT,
            negative_prompt=NEGATIVE,
            height=32,
            width=64,
            num_frames=9,
            num_inference_steps=2,
            guidance_scale=3.0,
            generator=torch.Generator("cpu").manual_seed(7),
            **arguments,
        ).frames


def ramp(size: tuple[int, int]) -> Any:
    return np.linspace(0, 255, size[0] * size[1] * 3).reshape(size[1], size[0], 3).astype(np.uint8)


class TestByTokens:
    def test_it_is_what_the_pipeline_makes(self, tokens: VideoModel, tokens_folder: Path) -> None:
        """Latents agree to the bit: same text and mask, rate, packing and levels shifted by tokens."""
        plain = by_hand("LTXPipeline", tokens_folder, frame_rate=25, output_type="latent")
        ours = tokens.sample(**settings(tokens))["latents"]
        assert ours.shape == (1, 8, 2, 1, 2)
        assert ours.flatten(2).transpose(1, 2).equal(plain)

    def test_the_rate_counts(self, tokens: VideoModel, tokens_folder: Path) -> None:
        """Trap 9 and 10: at another frame rate the rotary position differs, and so does the clip."""
        other = by_hand("LTXPipeline", tokens_folder, frame_rate=30, output_type="latent")
        ours = tokens.sample(**settings(tokens))["latents"]
        assert not ours.flatten(2).transpose(1, 2).equal(other)

    def test_the_mask_counts(self, tokens: VideoModel) -> None:
        """Trap 9: padding that is attended to would change the picture."""
        plain = settings(tokens)
        seen = {
            name: {**plain[name], "mask": torch.ones(128, dtype=torch.bool)}
            for name in ("positive", "negative")
        }
        assert plain["positive"]["mask"].sum() == len(PROMPT) + 1
        assert not tokens.sample(**plain)["latents"].equal(tokens.sample(**plain | seen)["latents"])

    def test_from_an_image(self, tokens: VideoModel, tokens_folder: Path) -> None:
        """The first latent is the picture's and stays; the rest is what the pipeline makes of it."""
        from filmforge.video_models.sampling import cover

        start = ramp((64, 32))
        plain = by_hand(
            "LTXImageToVideoPipeline",
            tokens_folder,
            image=cover(start, (64, 32)),
            frame_rate=25,
            output_type="latent",
        )
        ours = tokens.sample(**settings(tokens), start=start)["latents"]
        assert ours.flatten(2).transpose(1, 2).equal(plain)
        assert not ours.equal(tokens.sample(**settings(tokens))["latents"])

    def test_decoding_draws_its_noise_from_the_clip(self, tokens: VideoModel) -> None:
        """The decoder injects noise of its own: taken from the process's generator, no frame would come twice."""
        latents = tokens.sample(**settings(tokens))
        once = tokens.decode(latents)
        torch.manual_seed(99)
        assert np.array_equal(once, tokens.decode(latents))
        assert once.shape == (9, 32, 64, 3)
        other = tokens.sample(**settings(tokens, seed=8))
        assert not np.array_equal(once, tokens.decode({**latents, "generator": other["generator"]}))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
class TestLater:
    def test_it_is_what_the_pipeline_makes(self, later: VideoModel, later_folder: Path) -> None:
        """From 0.9.5: linear-quadratic levels, and frames decoded from a little noise at a timestep; trap 8: mean
        and deviation of the latents are put back."""
        plain = by_hand(
            "LTXConditionPipeline",
            later_folder,
            frame_rate=25,
            guidance_rescale=0.7,
            decode_timestep=0.05,
            decode_noise_scale=0.025,
            output_type="np",
        )
        latents = later.sample(**settings(later))
        assert np.array_equal(later.decode(latents), (plain[0] * 255).round().astype(np.uint8))

    @pytest.mark.parametrize("change", [{"decode_timestep": 0.5}, {"decode_noise_scale": 0.5}])
    def test_decoding_at_another_timestep(self, later: VideoModel, change: dict[str, float]) -> None:
        """Both numbers reach the decoder."""
        latents = later.sample(**settings(later))
        other = later.decode(latents, settings={**later.facts.settings, **change})
        assert not np.array_equal(later.decode(latents), other)

    def test_from_an_image(self, later: VideoModel, later_folder: Path) -> None:
        """The same pipeline, with the picture as a condition on the first frame."""
        from filmforge.video_models.sampling import cover

        start = ramp((64, 32))
        plain = by_hand(
            "LTXConditionPipeline",
            later_folder,
            image=cover(start, (64, 32)),
            frame_rate=25,
            guidance_rescale=0.7,
            image_cond_noise_scale=0.0,
            output_type="latent",
        )
        assert later.sample(**settings(later), start=start)["latents"].equal(plain)

    @pytest.mark.parametrize("started", [True, False], ids=["between two", "towards one"])
    def test_towards_an_image(self, later: VideoModel, later_folder: Path, started: bool) -> None:
        """A last frame is a condition at the clip's last frame, beside the first one or alone."""
        from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition

        from filmforge.video_models.sampling import cover

        start = ramp((64, 32))
        end = start[::-1].copy()
        given = [(start, 0), (end, 8)] if started else [(end, 8)]
        plain = by_hand(
            "LTXConditionPipeline",
            later_folder,
            conditions=[
                LTXVideoCondition(image=cover(frame, (64, 32)), frame_index=at) for frame, at in given
            ],
            frame_rate=25,
            guidance_rescale=0.7,
            image_cond_noise_scale=0.0,
            output_type="latent",
        )
        asked = settings(later) | ({"start": start} if started else {})
        ours = later.sample(**asked, end=end)["latents"]
        assert ours.equal(plain)
        assert not ours.equal(later.sample(**asked)["latents"])

    def test_one_step(self, tokens: VideoModel, later: VideoModel) -> None:
        """Is too few where the levels are stretched to a last one: diffusers divides by zero, and goes on."""
        with pytest.raises(ValueError, match="at least 2 steps"):
            tokens.sample(**settings(tokens, steps=1))
        scheduler = tokens.scheduler()
        with pytest.warns(RuntimeWarning, match="divide"):
            scheduler.set_timesteps(sigmas=[1.0], mu=1.0)
        assert not scheduler.sigmas.isfinite().all()
        assert later.sample(**settings(later, steps=1))["latents"].isfinite().all()

    def test_a_last_frame_before_there_was_one(self, tokens: VideoModel) -> None:
        """0.9.0 and 0.9.1 have no place for it."""
        with pytest.raises(ValueError, match=r"before 0\.9\.5"):
            tokens.sample(**settings(tokens), end=ramp((64, 32)))

    def test_distilled_weights_keep_to_their_levels(
        self, later_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The noise levels are those that the weights were distilled for, whatever the number of steps."""
        distilled = load(later_folder, "0.9.7-distilled")
        seen: list[float] = []
        forward = type(distilled.transformer).forward

        def watched(self: Any, *args: Any, **named: Any) -> Any:
            seen.append(float(named["timestep"].flatten()[0]))
            return forward(self, *args, **named)

        monkeypatch.setattr(type(distilled.transformer), "forward", watched)
        distilled.sample(**settings(distilled, guidance=1.0, negative=None, steps=8))
        assert seen == pytest.approx([1000, 993, 987, 981, 975, 909, 725, 0.03])


class TestRefused:
    @pytest.mark.parametrize("change", [{"frames": 10}, {"size": (64, 48)}, {"shift": 3.0}])
    def test_nothing_is_rounded_or_left_out(self, tokens: VideoModel, change: dict[str, Any]) -> None:
        """diffusers would return fewer frames without a word, and take no notice of a shift."""
        with pytest.raises(ValueError, match="ltx-video"):
            tokens.sample(**settings(tokens, **change))

    def test_distilled_levels_on_weights_that_shift(self, tokens_folder: Path) -> None:
        """A version that the weights are not is said when they are loaded."""
        with pytest.raises(WeightsError, match="shifts its noise levels by the number of tokens"):
            load(tokens_folder, "0.9.7-distilled")

    def test_another_model(self, pocket_folder: Path) -> None:
        """Wan's weights are none of LTX-Video."""
        with pytest.raises(WeightsError, match="its transformer is a WanTransformer3DModel"):
            load(pocket_folder)


def test_everything_in_bfloat16(later_folder: Path) -> None:
    """The authors recommend bfloat16 for all parts; results still come twice."""
    half = load(later_folder, "0.9.7-dev", "bf16")
    latents: Callable[[], dict[str, torch.Tensor]] = lambda: half.sample(**settings(half))  # noqa: E731
    first = latents()
    assert {p.dtype for p in half.vae.parameters()} == {torch.bfloat16}
    assert first["latents"].dtype == torch.float32
    assert first["latents"].equal(latents()["latents"])
    assert np.array_equal(half.decode(first), half.decode(first))
