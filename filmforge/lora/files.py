"""Writes a trained LoRA: a file that diffusers loads as it is, and that says how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from filmforge.video_models import tensors
from filmforge.video_models.lora_file import ADAPTER_METADATA, FORMAT
from filmforge.video_models.weights import Weights


@dataclass(frozen=True, slots=True)
class Adapter:
    """One expert's part of a LoRA: peft's configuration as plain data, and the tensors by peft's names."""

    config: Mapping[str, object]
    state: Mapping[str, Tensor]


def write_lora(
    out: Path,
    adapters: Mapping[str, Adapter],
    *,
    weights: Weights,
    trigger: str,
    steps: int,
    kept: Sequence[int],
    settings: Mapping[str, object],
    photos: Sequence[str],
    dtype: torch.dtype,
) -> None:
    """Write a LoRA to `out`; equal inputs give equal bytes.

    `adapters` are its parts by the expert that each acts on, whose name begins their keys: `transformer.`, and
    `transformer_2.` for the second of two. Their weights are those
    after the steps `kept`, one for each, of `steps`. From the configurations diffusers takes rank and alpha.
    """
    prefixed = {
        f"{expert}.{key}": value
        for expert, adapter in adapters.items()
        for key, value in adapter.config.items()
    }
    first = next(iter(adapters.values())).config
    metadata = {
        "format": "pt",
        ADAPTER_METADATA: json.dumps(prefixed, sort_keys=True),
        "filmforge.format": FORMAT,
        "filmforge.base": weights.family,
        "filmforge.base_digest": weights.digest or "",
        "filmforge.base_revision": weights.commit or "",
        "filmforge.rank": str(first["r"]),
        "filmforge.alpha": str(first["lora_alpha"]),
        "filmforge.trigger": trigger,
        "filmforge.steps": str(steps),
        "filmforge.kept": ",".join(map(str, kept)),
        "filmforge.settings": json.dumps(settings, sort_keys=True),
    }
    if photos:
        metadata["filmforge.photos"] = json.dumps(sorted(photos))
    held = {
        f"{expert}.{key}": value.to(dtype)
        for expert, adapter in adapters.items()
        for key, value in adapter.state.items()
    }
    tensors.save(out, held, metadata)
