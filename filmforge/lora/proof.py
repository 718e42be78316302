"""Proves that a LoRA does what it should, through the renderer's own path, before it counts as made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from filmforge.errors import LoraError
from filmforge.lora.preview import picture
from filmforge.video_models import tensors
from filmforge.video_models.lora_file import LoraUse, read_header
from filmforge.video_models.model import VideoModel

_LEAST_CHANGE = 1e-3
"""The mean change of the latents, in units of their spread, under which a LoRA is held to do nothing."""
_MOST_APART = {"fp32": 0.01}
_MOST_APART_ROUNDED = 0.15
"""How far file and preview may be apart, as a share of the change: what sixteen-bit weights are rounded by."""


@dataclass(frozen=True)
class Proof:
    """What was found: rank and alpha as loaded, how many modules it acts on, and how far it moves a picture.

    `change` is the mean absolute difference of the latents with and without it, over their spread.
    """

    rank: int
    alpha: float
    modules: int
    change: float


def prove(
    model: VideoModel, lora: Path, dataset: Path, *, preview: Path | None = None, seed: int = 0
) -> Proof:
    """Load `lora` as a shot would and sample one frame of the data set's first caption without and with it.

    `preview` is what the trainer drew with the adapter in memory. LoraError says which proof failed: that its
    metadata is whole, that it has a part for each expert and none is all zero, that it takes hold of the modules
    that it names, that weight 0 leaves the base as it is to the byte, that weight 1 does not, that each expert's
    part counts, that weight 1 is the trainer's preview.
    """
    header = read_header(lora)
    if not header.made_here or header.rank is None or header.alpha is None:
        raise LoraError(f"{lora}: proof of its metadata failed: rank, alpha and base are not in it")
    ups = {name: value for name, value in tensors.load(lora).items() if "lora_B" in name}
    for expert in model.experts:
        own = [value for name, value in ups.items() if name.startswith(f"{expert}.")]
        if not own:
            raise LoraError(f"{lora}: proof of its parts failed: nothing in it is for the model's {expert}")
        if not any(value.any() for value in own):
            raise LoraError(
                f"{lora}: proof that it learned something failed: every lora_B of {expert} is zero"
            )
    try:
        base = _picture(model, [], dataset, seed)
        silent = _picture(model, [LoraUse(lora, 0.0)], dataset, seed)
        full = _picture(model, [LoraUse(lora, 1.0)], dataset, seed)
        without = {expert: _without(model, expert, dataset, seed) for expert in model.experts}
    finally:
        model.set_loras([])
    if not silent.equal(base):
        raise LoraError(f"{lora}: proof at weight 0 failed: the picture is not the base's to the byte")
    change = _apart(full, base)
    if not change > _LEAST_CHANGE:
        raise LoraError(f"{lora}: proof at weight 1 failed: it changes the picture by only {change:.2g}")
    for expert, other in without.items():
        if not _apart(full, other) > _LEAST_CHANGE:
            raise LoraError(
                f"{lora}: proof of its parts failed: the picture is the same without the part of {expert}"
            )
    if preview is not None:
        away = _apart(full, tensors.load(preview)["latents"]) / change
        if not away < _MOST_APART.get(model.precision, _MOST_APART_ROUNDED):
            raise LoraError(
                f"{lora}: proof against the trainer's preview failed: rendered from its file, the picture is "
                f"{away:.0%} of the LoRA's own change away from it"
            )
    return Proof(header.rank, header.alpha, len(ups), change)


def _picture(model: VideoModel, uses: list[LoraUse], dataset: Path, seed: int) -> Tensor:
    model.set_loras(uses)
    return picture(model, dataset, seed=seed)


def _without(model: VideoModel, expert: str, dataset: Path, seed: int) -> Tensor:
    """The picture with the LoRA that acts, but for its part on one expert."""
    part = model.expert(expert)
    part.disable_adapters()
    try:
        return picture(model, dataset, seed=seed)
    finally:
        part.enable_adapters()


def _apart(one: Tensor, other: Tensor) -> float:
    """The mean absolute difference of two pictures' latents, over the spread of the second."""
    return float((one - other).abs().mean() / other.std())
