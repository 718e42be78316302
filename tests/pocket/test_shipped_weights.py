"""The shipped folder is a plain diffusers folder: no pickles, small, and it renders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import WanImageToVideoPipeline, WanPipeline
from PIL import Image

# diffusers renames this argument; both names are in the range of versions that filmforge supports
pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")

WEIGHTS = Path(__file__).parents[2] / "filmforge" / "weights" / "pocket"


def test_it_is_small_and_holds_no_pickles() -> None:
    files = [p for p in WEIGHTS.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 32_000_000
    assert {p.suffix for p in files} <= {".json", ".safetensors", ".md", ".txt", ""}


def test_it_declares_the_layout_of_wan_2_2_ti2v() -> None:
    index = json.loads((WEIGHTS / "model_index.json").read_text())
    assert index["_class_name"] == "WanPipeline"
    assert index["expand_timesteps"] is True
    assert index["transformer_2"] == [None, None]


def test_text_becomes_frames_with_diffusers_alone() -> None:
    pipe = WanPipeline.from_pretrained(WEIGHTS, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    frames = pipe(
        "a red fox waves, static camera, a pine forest by day",
        height=96,
        width=160,
        num_frames=5,
        num_inference_steps=2,
        guidance_scale=3.5,
        max_sequence_length=64,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    ).frames[0]
    assert frames.shape == (5, 96, 160, 3)
    assert np.isfinite(frames).all()


def test_an_image_becomes_frames_with_diffusers_alone() -> None:
    pipe = WanImageToVideoPipeline.from_pretrained(WEIGHTS, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    frames = pipe(
        Image.new("RGB", (160, 96), (90, 140, 180)),
        "a red fox waves",
        height=96,
        width=160,
        num_frames=5,
        num_inference_steps=2,
        guidance_scale=1.0,
        max_sequence_length=64,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    ).frames[0]
    assert frames.shape == (5, 96, 160, 3)


def test_a_name_nobody_has_heard_of_is_spelt() -> None:
    pipe = WanPipeline.from_pretrained(WEIGHTS, torch_dtype=torch.float32)
    ids = pipe.tokenizer("Mira").input_ids
    assert pipe.tokenizer.decode(ids, skip_special_tokens=True).strip() == "mira"
