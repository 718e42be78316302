"""A second pass at twice the size: what is planned, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import filmforge
from filmforge.errors import FilmError, WeightsError
from filmforge.planning.step import Step
from tests.conftest import WriteFilm

FILM = """
models: {m: {use: ltx-video%s}}
model: m
scenes: [{id: a, shots: [{id: one, prompt: a gull, lasts: 1s, seed: 1}]}]
"""
UPSCALER = "Lightricks/ltxv-spatial-upscaler-0.9.7"


def render(film: Path) -> Step:
    return filmforge.plan(filmforge.load(film)).steps["render/a/one@1"].step


def refusal(film: Path) -> str:
    with pytest.raises(FilmError) as caught:
        filmforge.plan(filmforge.load(film))
    return str(caught.value)


@pytest.fixture
def upscaler(tmp_path: Path) -> str:
    """A folder that passes for an upscaler where nothing is loaded."""
    part = tmp_path / "upscaler/latent_upsampler"
    part.mkdir(parents=True)
    (part / "config.json").write_text("{}")
    (part / "diffusion_pytorch_model.safetensors").write_bytes(b"x")
    index: dict[str, Any] = {"latent_upsampler": ["ltx", "LTXLatentUpsamplerModel"]}
    (tmp_path / "upscaler/model_index.json").write_text(json.dumps(index))
    return "./upscaler"


def test_what_enters_the_key(write_film: WriteFilm) -> None:
    """The upscaler by its weights, and the numbers of the second pass. Without a size of its own, a legal one is found."""
    plain = render(write_film(FILM % ", version: 0.9.7-dev")).params
    params = render(write_film(FILM % ", version: 0.9.7-dev, upscale: {}")).params
    assert params["upscale"] == {"weights": f"{UPSCALER}@unresolved", "steps": 10, "strength": 0.4}
    assert (plain["size"], params["size"]) == ([704, 480], [704, 512])
    assert "upscale" not in plain
    less = render(write_film(FILM % ", version: 0.9.7-dev, upscale: {strength: 0.2}")).params
    assert less["upscale"]["strength"] == 0.2
    distilled = render(write_film(FILM % ", version: 0.9.7-distilled, upscale: {}")).params["upscale"]
    assert distilled["timesteps"] == [1000, 909, 725, 421, 0] and "steps" not in distilled


def test_from_a_folder(write_film: WriteFilm, upscaler: str, tmp_path: Path) -> None:
    """By digest, wherever it lies; plain text is the weights."""
    step = render(write_film(FILM % f", version: 0.9.7-dev, upscale: {upscaler}"))
    assert len(step.params["upscale"]["weights"]) == 64
    assert step.hints["upscaler"] == str(tmp_path / "upscaler")


def test_weights_that_are_not_here(write_film: WriteFilm) -> None:
    """Said before anything runs."""
    film = write_film(FILM % ", version: 0.9.7-dev, upscale: {}")
    with pytest.raises(WeightsError, match="the upscaler of 'm'"):
        filmforge.build(filmforge.load(film))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (", upscale: {}", "there is no upscaler for ltx-video; declare `version: 0.9.7-dev`"),
        (", version: 0.9.7-dev, size: 704x480, upscale: {}", "the nearest it can is 704x512"),
        (", version: 0.9.7-distilled, upscale: {steps: 8}", "is distilled for a second pass"),
        (", version: 0.9.7-dev, upscale: {steps: 4, strength: 0.2}", "a share of 0.2 of 4 steps is none"),
        (", version: 0.9.7-dev, upscale: {strength: 1}", "strength"),
    ],
)
def test_a_slip(model: str, said: str, write_film: WriteFilm) -> None:
    assert said in refusal(write_film(FILM % model))


def test_another_family(write_film: WriteFilm) -> None:
    film = write_film((FILM % ", upscale: {}").replace("ltx-video", "pocket"))
    assert "there is no upscaler for pocket; remove the line" in refusal(film)


def test_a_folder_that_is_none(write_film: WriteFilm, tmp_path: Path) -> None:
    """Said where the film names it."""
    (tmp_path / "empty").mkdir()
    said = refusal(write_film(FILM % ", version: 0.9.7-dev, upscale: {weights: ./empty}"))
    assert "models.m.upscale.weights" in said and "holds no readable model_index.json" in said
