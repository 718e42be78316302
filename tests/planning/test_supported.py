"""What a film may declare and a build would have to leave out: refused with a sentence at its place, never ignored."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

import filmforge

FILM = """
models: {{m: {{use: {use}}}}}
model: m
characters:
  mira: {{looks: a girl, {mira}}}
scenes:
  - id: a
    shots:
      - {{id: one, prompt: "{{mira}} walks", lasts: 1s, seed: 1}}
"""


@pytest.fixture
def refused(write_film: Callable[[str], Path]) -> Callable[..., list[str]]:
    """The sentences that the plan of a film refuses it with."""

    def of(use: str, mira: str = "trigger: mira", more: str = "") -> list[str]:
        plan = filmforge.plan(filmforge.load(write_film(more + FILM.format(use=use, mira=mira))))
        return [str(problem) for problem in plan.refused]

    return of


@pytest.mark.parametrize(
    "use", ["ltx-video", "wan2.2-t2v-a14b", "hunyuan-video", "mochi-1", "wan2.2-ti2v-5b"]
)
def test_what_renders_is_not_refused(use: str, refused: Callable[..., list[str]]) -> None:
    """A plan needs no weights."""
    assert refused(use) == []


def test_a_family_that_does_not_render(refused: Callable[..., list[str]], tmp_path: Path) -> None:
    """It says so, with what to do."""
    (tmp_path / "flow.json").write_text("{}", encoding="utf-8")
    (said,) = refused("comfyui, workflow: flow.json")
    assert "comfyui can be checked and planned, and not rendered yet" in said


def test_a_lora_that_cannot_be_trained(
    refused: Callable[..., list[str]], photo_folder: Callable[..., str]
) -> None:
    """Training would spoil the release, or learn nothing: so the photos are refused, at their line."""
    (said,) = refused("ltx-video, version: 0.9.8-distilled", f"photos: {photo_folder()}")
    assert "on ltx-video 0.9.8-distilled yet, which renders 'mira' as model 'm'" in said
    assert refused("ltx-video", "photos: characters/mira") == []


def test_no_lora_is_trained_in_a_quantized_precision(
    refused: Callable[..., list[str]], photo_folder: Callable[..., str]
) -> None:
    """It would learn from weights that are rounded at every step."""
    (said,) = refused("pocket, precision: fp8", f"photos: {photo_folder()}")
    assert "no LoRA can be trained in fp8; declare bf16, fp16 or fp32" in said


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
def test_a_precision_whose_package_is_missing(refused: Callable[..., list[str]]) -> None:
    """Known before anything runs."""
    assert refused("pocket, precision: fp8") == []
    (said,) = refused("pocket, precision: nf4")
    assert "pip install bitsandbytes" in said


@pytest.mark.skipif(find_spec("sageattention") is not None, reason="sageattention is installed")
def test_a_kernel_whose_package_is_missing(refused: Callable[..., list[str]]) -> None:
    """Known before anything runs."""
    assert refused("wan2.2-ti2v-5b, attention: native") == []
    (said,) = refused("wan2.2-ti2v-5b, attention: sage")
    assert "models.m.attention: attention by sage needs the package sageattention" in said
    assert "pip install sageattention" in said


def test_faces_without_their_package(
    refused: Callable[..., list[str]], photo_folder: Callable[..., str]
) -> None:
    """Known before anything runs, at the line that names it."""
    measured = f"photos: {photo_folder()}, likeness: 0.5"
    assert refused("pocket", measured) == []
    (said,) = refused("pocket", measured, "embedder: arcface")
    assert "`arcface` needs the package insightface, which is not installed" in said
    assert "film.yaml:2:" in said
