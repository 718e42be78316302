"""LTX-Video's second pass: as diffusers' own pipelines do it one after another, and refused where it cannot be had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from filmforge.errors import WeightsError
from filmforge.video_models import ltx_upscale, runtime
from filmforge.video_models.facts import facts_of
from filmforge.video_models.model import VideoModel
from filmforge.video_models.sampling import cover
from tests.video_models import tiny
from tests.video_models.test_from_the_command_line import renders, run
from tests.video_models.test_ltx import NEGATIVE, PROMPT, load, settings

STEPS, STRENGTH = 4, 0.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_ltx_like(tmp_path_factory.mktemp("later"), conditioned=True)


@pytest.fixture(scope="module")
def upscaler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_upscaler_like(tmp_path_factory.mktemp("upscaler"))


@pytest.fixture(scope="module")
def model(folder: Path) -> VideoModel:
    return load(folder, "0.9.7-dev")


def upscale(folder: Path, **changes: Any) -> dict[str, Any]:
    return {"steps": STEPS, "strength": STRENGTH, "folder": folder} | changes


def by_hand(
    folder: Path,
    upscaler: Path,
    levels: list[float],
    strength: float,
    start: np.ndarray | None = None,
    **up: float,
) -> Any:
    """Two passes of diffusers' pipelines with its upscaler between them, as its documentation has them."""
    import diffusers
    from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
    from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule

    pipeline: Any = diffusers.LTXConditionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    kind: Any = diffusers.LTXLatentUpsamplePipeline
    between = kind(pipeline.vae, LTXLatentUpsamplerModel.from_pretrained(upscaler / "latent_upsampler"))
    noise = torch.Generator().manual_seed(7)
    common: dict[str, Any] = {
        "prompt": PROMPT, "negative_prompt": NEGATIVE, "num_frames": 9, "frame_rate": 25, "guidance_scale": 3.0,
        "guidance_rescale": 0.7, "image_cond_noise_scale": 0.0, "generator": noise, "output_type": "latent",
    }  # fmt: skip
    with runtime.determined(1), torch.random.fork_rng():
        # As a list: the tensor that the pipeline would make itself is not one that NumPy likes.
        two = (linear_quadratic_schedule(2) * 1000).tolist()  # type: ignore[no-untyped-call]
        given = [{} if start is None else {"image": cover(start, size)} for size in ((64, 32), (128, 64))]
        first = pipeline(**common, **given[0], width=64, height=32, timesteps=two).frames
        large = between(latents=first, width=128, height=64, output_type="latent", **up).frames
        return pipeline(
            **common,
            **given[1],
            width=128,
            height=64,
            latents=large,
            denoise_strength=strength,
            timesteps=levels,
        ).frames


def test_as_diffusers_does_it(model: VideoModel, folder: Path, upscaler: Path) -> None:
    """To the bit; the steps of both passes are told of, one after another."""
    from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule

    told: list[tuple[int, int]] = []
    asked = settings(model, size=(128, 64), on_step=lambda done, total: told.append((done, total)))
    made = model.sample(**asked, upscale=upscale(upscaler))  # type: ignore[call-arg]
    levels = (linear_quadratic_schedule(STEPS) * 1000).tolist()  # type: ignore[no-untyped-call]
    assert made["latents"].equal(by_hand(folder, upscaler, levels, STRENGTH))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert model.decode(made).shape == (9, 64, 128, 3)


def test_distilled(model: VideoModel, folder: Path, upscaler: Path) -> None:
    """At levels of its own, all but the first, with what its authors do to the latents between the passes."""
    numbers = dict(facts_of("ltx-video").of_version("0.9.8-distilled").upscaling)
    assert (numbers["adain"], numbers["tone_map"]) == (1.0, 0.6)
    made = model.sample(**settings(model, size=(128, 64)), upscale={**numbers, "folder": upscaler})  # type: ignore[call-arg]
    by = by_hand(
        folder, upscaler, [1000, 909, 725, 421, 0], 0.999, adain_factor=1.0, tone_map_compression_ratio=0.6
    )
    assert made["latents"].equal(by)
    assert ltx_upscale.second_pass(numbers).steps == 4


def test_the_first_pass_counts(model: VideoModel, upscaler: Path) -> None:
    """The second goes on from it: another first pass is another second one, and at less strength it is nearer to what was
    enlarged. (diffusers forgets the latents that it is given at strength 1.)"""
    made = {
        strength: model.sample(  # type: ignore[call-arg]
            **settings(model, size=(128, 64)), upscale=upscale(upscaler, steps=10, strength=strength)
        )["latents"]
        for strength in (0.1, 0.9)
    }
    first = model.sample(**settings(model))["latents"]
    large = ltx_upscale.enlarged(model, first, upscale(upscaler), (128, 64))  # type: ignore[arg-type]
    other = settings(model, size=(128, 64), steps=3)
    gentle = upscale(upscaler, steps=10, strength=0.1)
    assert not model.sample(**other, upscale=gentle)["latents"].equal(made[0.1])  # type: ignore[call-arg]
    assert (made[0.1] - large).abs().mean() < (made[0.9] - large).abs().mean()


def test_given_frames(model: VideoModel, folder: Path, upscaler: Path) -> None:
    """Both passes are given them, each at its size: to the bit as diffusers does it."""
    from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule

    levels = (linear_quadratic_schedule(STEPS) * 1000).tolist()  # type: ignore[no-untyped-call]
    start = np.full((90, 160, 3), 200, np.uint8)
    plain = settings(model, size=(128, 64))
    alone = model.sample(**plain, upscale=upscale(upscaler))["latents"]  # type: ignore[call-arg]
    began = model.sample(**plain, start=start, upscale=upscale(upscaler))["latents"]  # type: ignore[call-arg]
    both = model.sample(**plain, start=start, end=start // 2, upscale=upscale(upscaler))["latents"]  # type: ignore[call-arg]
    assert not began.equal(alone) and not both.equal(began)
    assert began.equal(by_hand(folder, upscaler, levels, STRENGTH, start))


@pytest.mark.parametrize("broken", ["another", "none"])
def test_what_is_none(broken: str, model: VideoModel, tmp_path: Path) -> None:
    """Named, and not loaded halfway."""
    folder = tmp_path if broken == "none" else tiny.save_upscaler_like(tmp_path, channels=16)
    said = "cannot be loaded as an upscaler" if broken == "none" else "is an upscaler of other latents"
    with pytest.raises(WeightsError, match=said):
        model.sample(**settings(model, size=(128, 64)), upscale=upscale(folder))  # type: ignore[call-arg]


@pytest.mark.slow
def test_a_film(tmp_path: Path) -> None:
    """Through the command line: the picture has the declared size, the lock pins the upscaler, two stores give equal frames,
    and another upscaler renders anew."""
    import av

    from filmforge.store import Store

    tiny.save_ltx_like(tmp_path / "weights", conditioned=True)
    tiny.save_upscaler_like(tmp_path / "upscaler")
    film = tmp_path / "film.yaml"
    film.write_text(
        "filmforge: 1\nsize: 64x32\nfps: 25\n"
        "models: {tiny: {use: ltx-video, version: 0.9.7-dev, weights: ./weights, precision: fp32, steps: 2, size: 128x64, "
        "upscale: {weights: ./upscaler, steps: 4, strength: 0.5}}}\nmodel: tiny\n"
        "scenes: [{id: a, shots: [{id: one, prompt: a red ball, lasts: 9f, seed: 1}]}]\n",
        encoding="utf-8",
    )
    status, said = run("build", film)
    assert status == 0, said
    made = renders(film)
    with av.open(str(Store(tmp_path / ".filmforge").blobs.path(*made.values()))) as clip:
        frames = [(frame.width, frame.height) for frame in clip.decode(video=0)]
    assert frames == [(128, 64)] * 9
    assert "digest" in json.loads((tmp_path / "film.lock").read_text())["weights"]["tiny.upscale"]
    status, said = run("build", film, "--store", tmp_path / "second")
    assert status == 0, said
    records = [r for r in Store(tmp_path / "second").records if r.kind == "render"]
    assert {record.outputs["main"].digest for record in records} == set(made.values())
    tiny.save_upscaler_like(tmp_path / "upscaler", seed=1)
    status, said = run("plan", film, "--json")
    (render,) = (step for step in json.loads(said)["steps"] if step["kind"] == "render")
    assert render["state"] == "run" and any("upscale" in reason for reason in render["because"])
