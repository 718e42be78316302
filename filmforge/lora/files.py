"""Writes a trained LoRA: a file that diffusers loads as it is, and that says how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from filmforge.video_models import tensors
from filmforge.video_models.lora_file import ADAPTER_METADATA, FORMAT, PREFIX
from filmforge.video_models.weights import Weights


def write_lora(
    out: Path,
    state: Mapping[str, Tensor],
    *,
    adapter: Mapping[str, object],
    weights: Weights,
    trigger: str,
    steps: int,
    settings: Mapping[str, object],
    dtype: torch.dtype,
) -> None:
    """Write the adapter's tensors (peft's names, without a prefix) to `out`; equal inputs give equal bytes.

    `adapter` is peft's configuration as plain data, from which `load_lora_weights` takes rank and alpha.
    """
    prefixed = {f"{PREFIX}{key}": value for key, value in adapter.items()}
    metadata = {
        "format": "pt",
        ADAPTER_METADATA: json.dumps(prefixed, sort_keys=True),
        "filmforge.format": FORMAT,
        "filmforge.base": weights.family,
        "filmforge.base_digest": weights.digest or "",
        "filmforge.base_revision": weights.commit or "",
        "filmforge.rank": str(adapter["r"]),
        "filmforge.alpha": str(adapter["lora_alpha"]),
        "filmforge.trigger": trigger,
        "filmforge.steps": str(steps),
        "filmforge.settings": json.dumps(settings, sort_keys=True),
    }
    tensors.save(out, {f"{PREFIX}{key}": value.to(dtype) for key, value in state.items()}, metadata)
