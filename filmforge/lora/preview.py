"""The picture that a LoRA is judged by: one prompt and one seed, with the adapter in memory or from its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from filmforge.lora.dataset import read, training_facts
from filmforge.lora.files import Adapter
from filmforge.video_models import tensors
from filmforge.video_models.model import VideoModel

_STEPS = {1: 2, 2: 8}
"""By how many experts a model has: the few steps in which each of them has its turn."""


def picture(model: VideoModel, dataset: Path, *, seed: int = 0) -> Tensor:
    """The latents of one short sample of the data set's first caption, with whatever LoRA acts on the model.

    A model that renders only from an image starts from a grey one.
    """
    facts, training = model.facts, training_facts(model.facts)
    width, height = training.size
    data = read(dataset)
    return model.sample(
        positive=data.items[0].text,
        negative=None,
        frames=facts.first,
        size=training.size,
        steps=max(_STEPS[len(model.experts)], facts.fewest_steps),
        guidance=1.0,
        shift=facts.shift,
        seed=seed,
        start=None if facts.text_to_video else np.full((height, width, 3), 128, dtype=np.uint8),
    )["latents"]


def write_preview(
    model: VideoModel,
    adapters: Mapping[str, Adapter],
    dataset: Path,
    out: Path,
    add: Callable[[Any], object],
) -> None:
    """Write the picture that the trained adapters make in memory, past every file and loader.

    `add` puts a fresh adapter on a transformer, as training does.
    """
    model.set_loras([])
    try:
        for name, adapter in adapters.items():
            expert = model.expert(name)
            add(expert)
            held = {_plain(key): value for key, value in expert.named_parameters() if value.requires_grad}
            with torch.no_grad():
                for key, value in adapter.state.items():
                    held[key].copy_(value)
        tensors.save(out, {"latents": picture(model, dataset)}, None)
    finally:
        for name in adapters:
            expert = model.expert(name)
            if getattr(expert, "peft_config", None):
                expert.unload_lora()
            expert.requires_grad_(False)


def _plain(name: str) -> str:
    """A parameter's name as files bear it: without the adapter's own."""
    parts = name.split(".")
    return ".".join(part for before, part in zip(["", *parts], parts, strict=False) if "lora_" not in before)
