"""Rendering with HunyuanVideo: as diffusers' own pipelines do it, with the chat cropped and the guidance embedded."""

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
from filmforge.video_models.sampling import cover
from filmforge.video_models.weights import find

PROMPT = "a red ball {rolls}"
SIZE = (64, 32)


def load(folder: Path, version: str | None = None, precision: str = "fp32") -> VideoModel:
    facts = facts_of("hunyuan-video").of_version(version)
    weights = find(facts, str(folder), None, folder)
    return load_family(facts, weights, precision=precision, device="cpu", threads=1)


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.video_models.tiny import save_hunyuan_like

    return save_hunyuan_like(tmp_path_factory.mktemp("t2v"))


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.video_models.tiny import save_hunyuan_like

    return save_hunyuan_like(tmp_path_factory.mktemp("i2v"), from_image=True)


@pytest.fixture(scope="module")
def text(text_folder: Path) -> VideoModel:
    return load(text_folder)


@pytest.fixture(scope="module")
def image(image_folder: Path) -> VideoModel:
    return load(image_folder, "i2v")


def ramp(turned: bool = False) -> Any:
    picture = np.linspace(0, 255, SIZE[0] * SIZE[1] * 3).reshape(SIZE[1], SIZE[0], 3).astype(np.uint8)
    return 255 - picture if turned else picture


def settings(model: VideoModel, start: Any = None, **changes: Any) -> dict[str, Any]:
    return {
        "positive": model.encode([PROMPT], start=start, size=SIZE)[0],
        "negative": None,
        "frames": 9,
        "size": SIZE,
        "steps": 2,
        "guidance": 6.0,
        "shift": 7.0,
        "seed": 7,
        "start": start,
    } | changes


def by_hand(kind: str, folder: Path, **arguments: Any) -> Any:
    import diffusers

    pipeline = getattr(diffusers, kind).from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    given = {"guidance_scale": 6.0, "num_inference_steps": 2, "output_type": "np"} | arguments
    with runtime.determined(1):
        return pipeline(
            prompt=PROMPT,
            height=SIZE[1],
            width=SIZE[0],
            num_frames=9,
            generator=torch.Generator("cpu").manual_seed(7),
            **given,
        ).frames


class TestText:
    def test_it_is_what_the_pipeline_makes(self, text: VideoModel, text_folder: Path) -> None:
        """Frames agree to the level, so the chat is cropped, the guidance embedded at 6 (trap 6) and the latents scaled
        (trap 8) as they are there."""
        frames = text.decode(text.sample(**settings(text)))
        plain = by_hand("HunyuanVideoPipeline", text_folder)[0]
        assert np.array_equal(frames, (plain * 255).round().astype(np.uint8))
        assert frames.shape == (9, 32, 64, 3)

    @pytest.mark.parametrize("change", [{"guidance": 1.0}, {"shift": 3.0}, {"seed": 8}])
    def test_what_is_declared_counts(self, text: VideoModel, change: dict[str, Any]) -> None:
        """Guidance, shift and seed each make another clip."""
        base = text.sample(**settings(text))["latents"]
        assert not base.equal(text.sample(**settings(text, **change))["latents"])

    def test_the_prompt_counts(self, text: VideoModel) -> None:
        """What is kept of the chat is the prompt: another one embeds otherwise, in both encoders."""
        one, other = text.encode([PROMPT, "a blue cube"])
        assert one["embeds"].shape == (256, 16)
        assert not one["embeds"].equal(other["embeds"])
        assert not one["pooled"].equal(other["pooled"])
        # One token a byte, then the mark that ends the turn.
        assert one["mask"].sum() == len(PROMPT) + 1

    def test_words_past_the_end_are_named(self, text: VideoModel) -> None:
        """The room is that of the prompt alone; the chat around it takes none of it away."""
        assert text.words_cut("a" * 256) == ""
        assert text.words_cut("a" * 256 + "bcd") == "bcd"

    def test_a_negative_prompt_has_no_part(self, text: VideoModel) -> None:
        """The guidance is distilled: so it is not even encoded, and the build says so."""
        assert not text.uses_negative(6.0)


class TestImage:
    def test_it_is_what_the_pipeline_makes(self, image: VideoModel, image_folder: Path) -> None:
        """The prompt is read with the picture, and the first latent is the picture's."""
        start = ramp()
        frames = image.decode(image.sample(**settings(image, start)))
        plain = by_hand("HunyuanVideoImageToVideoPipeline", image_folder, image=cover(start, SIZE))[0]
        assert np.array_equal(frames, (plain * 255).round().astype(np.uint8))

    def test_the_text_is_another_with_another_picture(self, image: VideoModel) -> None:
        """So embeddings are kept by prompt and picture."""
        assert image.reads_start
        one = image.encode([PROMPT], start=ramp(), size=SIZE)[0]
        other = image.encode([PROMPT], start=ramp(turned=True), size=SIZE)[0]
        assert not one["embeds"].equal(other["embeds"])


class TestRefused:
    def test_weights_of_the_other_kind(self, text_folder: Path, image_folder: Path) -> None:
        """They are told apart before anything is sampled, with what to declare."""
        with pytest.raises(WeightsError, match="declare `version: i2v`"):
            load(image_folder)
        with pytest.raises(WeightsError, match="LlamaModel"):
            load(text_folder, "i2v")

    @pytest.mark.parametrize("change", [{"frames": 10}, {"size": (64, 24)}])
    def test_nothing_is_rounded(self, text: VideoModel, change: dict[str, Any]) -> None:
        """diffusers would return fewer frames without a word."""
        with pytest.raises(ValueError, match="hunyuan-video"):
            text.sample(**settings(text, **change))

    def test_a_start_frame_where_it_does_not_belong(self, text: VideoModel, image: VideoModel) -> None:
        """Each kind of weights says what it needs."""
        with pytest.raises(ValueError, match="no picture"):
            text.sample(**settings(text) | {"start": ramp()})
        with pytest.raises(ValueError, match="a picture to start from"):
            image.sample(**settings(image, ramp()) | {"start": None})
