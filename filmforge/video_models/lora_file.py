"""What a LoRA file says of itself: the format, and whether it fits a model. Without torch, so plans can ask.

A LoRA that filmforge trains is a safetensors file that diffusers' `load_lora_weights` reads as it is: keys
begin with `transformer.`, and `lora_adapter_metadata` carries rank and alpha (without it, diffusers takes
alpha for equal to the rank). What filmforge adds stands under `filmforge.` keys of the metadata.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filmforge.errors import LoraError
from filmforge.video_models import tensors
from filmforge.video_models.facts import Facts
from filmforge.video_models.weights import Weights

FORMAT = "filmforge.lora/1"
PREFIX = "transformer."
"""Where the pipeline looks for a transformer's LoRA; under any other it warns and applies nothing."""
ADAPTER_METADATA = "lora_adapter_metadata"

_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
# The input side of a self-attention's query, as diffusers, Wan's own code and kohya's scripts name it.
_QUERY_IN = re.compile(r"(attn1\.to_q|self_attn\.q|self_attn_q)\.(lora_A|lora_down)(\.default)?\.weight$")


@dataclass(frozen=True, slots=True)
class LoraUse:
    """One LoRA on a shot: its file, and how strongly it counts (1.0 as trained; 0.0 not at all)."""

    path: Path
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class LoraHeader:
    """What is known of a LoRA file before it is loaded.

    What a file made elsewhere does not say is None or empty. `shapes` maps each tensor's name to its shape.
    """

    path: Path
    shapes: Mapping[str, tuple[int, ...]]
    family: str | None = None
    base_digest: str | None = None
    base_revision: str | None = None
    rank: int | None = None
    alpha: float | None = None
    trigger: str | None = None
    steps: int | None = None
    metadata: Mapping[str, str] | None = None

    @property
    def made_here(self) -> bool:
        """Whether filmforge trained it."""
        return self.family is not None


def read_header(path: Path) -> LoraHeader:
    """Read what a LoRA file says of itself. LoraError for what is not one: a pickle, a cut file."""
    if not path.is_file():
        raise LoraError(f"{path}: there is no such LoRA file")
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(_PICKLE_STARTS):
        raise LoraError(
            f"{path}: this is a pickle, which can run code and is never read; save the LoRA as safetensors"
        )
    try:
        header = tensors.read_header(path)
    except tensors.NotSafetensorsError as error:
        raise LoraError(f"{path}: not a LoRA in safetensors: {error}") from None
    metadata: dict[str, str] = header.pop("__metadata__", {})
    shapes = {name: tuple(entry["shape"]) for name, entry in header.items()}
    if not any("lora" in name for name in shapes):
        raise LoraError(f"{path}: a safetensors file without a LoRA in it: no tensor's name holds 'lora'")
    declared = metadata.get("filmforge.format")
    if declared is None:
        return LoraHeader(path, shapes, metadata=metadata)
    if declared != FORMAT:
        raise LoraError(f"{path}: made in the format {declared}, and this version reads {FORMAT}")
    try:
        return LoraHeader(
            path,
            shapes,
            family=metadata["filmforge.base"],
            base_digest=metadata["filmforge.base_digest"],
            base_revision=metadata.get("filmforge.base_revision"),
            rank=int(metadata["filmforge.rank"]),
            alpha=float(metadata["filmforge.alpha"]),
            trigger=metadata["filmforge.trigger"],
            steps=int(metadata["filmforge.steps"]),
            metadata=metadata,
        )
    except (KeyError, ValueError) as error:
        raise LoraError(f"{path}: its filmforge metadata is incomplete or malformed: {error}") from None


def mismatch(header: LoraHeader, facts: Facts, weights: Weights) -> str | None:
    """Why this LoRA does not belong to these weights, naming both; None when nothing speaks against it.

    A LoRA made here knows its base by family and digest. One made elsewhere is held against the width of
    the model's attention, where the model's configuration is on this machine.
    """
    if header.family is not None:
        if header.family != facts.id:
            return f"{header.path}: made for {header.family}, and the model is {facts.id}"
        if weights.digest and header.base_digest and header.base_digest != weights.digest:
            return (
                f"{header.path}: made for {facts.id} with the weights {header.base_digest[:12]}, "
                f"and the model has {weights.digest[:12]}; train it anew on these"
            )
        return None
    width = _attention_width(weights)
    widths = {shape[1] for name, shape in header.shapes.items() if _QUERY_IN.search(name) and len(shape) == 2}
    if width and widths and widths != {width}:
        theirs = "/".join(map(str, sorted(widths)))
        return (
            f"{header.path}: made for a model {theirs} wide, and {facts.id} is {width} wide: "
            "it belongs to another base"
        )
    return None


def _attention_width(weights: Weights) -> int | None:
    if weights.folder is None:
        return None
    try:
        text = (weights.folder / "transformer" / "config.json").read_text(encoding="utf-8")
        config: dict[str, Any] = json.loads(text)
        return int(config["num_attention_heads"]) * int(config["attention_head_dim"])
    except (OSError, ValueError, KeyError):
        return None
