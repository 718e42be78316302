"""Proves that a LoRA does what it should, through the renderer's own path, before it counts as made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from filmforge.errors import LoraError
from filmforge.lora.dataset import read, training_facts
from filmforge.video_models import tensors
from filmforge.video_models.lora_file import LoraUse, read_header
from filmforge.video_models.model import VideoModel

_LEAST_CHANGE = 1e-3
"""The mean change of the latents, in units of their spread, under which a LoRA is held to do nothing."""


@dataclass(frozen=True)
class Proof:
    """What was found: rank and alpha as loaded, how many modules it acts on, and how far it moves a picture.

    `change` is the mean absolute difference of the latents with and without it, over their spread.
    """

    rank: int
    alpha: float
    modules: int
    change: float


def prove(model: VideoModel, lora: Path, dataset: Path, *, steps: int = 2, seed: int = 0) -> Proof:
    """Load `lora` as a shot would and sample one frame of the data set's first caption without and with it.

    LoraError says which proof failed: that its metadata is whole, that it is not all zero, that it takes hold
    of the modules that it names, that weight 0 leaves the base as it is to the byte, that weight 1 does not.
    """
    header = read_header(lora)
    if not header.made_here or header.rank is None or header.alpha is None:
        raise LoraError(f"{lora}: proof of its metadata failed: rank, alpha and base are not in it")
    ups = {name: value for name, value in tensors.load(lora).items() if "lora_B" in name}
    if not ups or not any(value.any() for value in ups.values()):
        raise LoraError(f"{lora}: proof that it learned something failed: every lora_B is zero")

    training = training_facts(model.facts)
    text = read(dataset).items[0].text

    def sampled(uses: list[LoraUse]) -> Tensor:
        model.set_loras(uses)
        return model.sample(
            positive=text,
            negative=None,
            frames=model.facts.first,
            size=training.size,
            steps=steps,
            guidance=1.0,
            shift=model.facts.shift,
            seed=seed,
        )["latents"]

    try:
        base = sampled([])
        silent = sampled([LoraUse(lora, 0.0)])
        full = sampled([LoraUse(lora, 1.0)])
    finally:
        model.set_loras([])
    if not silent.equal(base):
        raise LoraError(f"{lora}: proof at weight 0 failed: the picture is not the base's to the byte")
    change = float((full - base).abs().mean() / base.std())
    if not change > _LEAST_CHANGE:
        raise LoraError(f"{lora}: proof at weight 1 failed: it changes the picture by only {change:.2g}")
    return Proof(header.rank, header.alpha, len(ups), change)
