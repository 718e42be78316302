"""Writes a LoRA in the formats of other tools, and back as filmforge's own; two files for two experts, where a tool
wants them apart. What goes out and comes back is the same file to the byte.

ComfyUI wants the authors' names under `diffusion_model.`, and the alpha of each module beside it (without it, it takes
the scale for 1); where the authors' module is several of diffusers', their LoRAs are laid side by side in one. diffusers
reads filmforge's own files, but one expert at a time: the part for low noise goes into a file whose keys begin with
`transformer.` too, to be loaded with `load_into_transformer_2=True`. Sources: ComfyUI `comfy/lora.py`; diffusers
`loaders/lora_pipeline.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from filmforge.errors import LoraError, UsageError
from filmforge.video_models import lora_bases, tensors
from filmforge.video_models.facts import facts_of
from filmforge.video_models.lora_file import (
    ADAPTER_METADATA,
    EXPERT,
    PREFIX,
    LoraHeader,
    peft_config,
    read_header,
    scales,
)
from filmforge.video_models.lora_keys import Key
from filmforge.video_models.lora_names import LAYOUTS, Layout, Place
from filmforge.video_models.lora_reading import PARTS, Pair, Parts, configuration, read, swapped

Format = Literal["comfyui", "diffusers", "filmforge"]

_KEPT = "filmforge.adapter"
"""In an export: the adapter metadata of the file that it was made from."""
_CONVERTED = "filmforge.converted"
"""In what filmforge wrote of a LoRA that it did not train."""
_RANGE = "modelspec.timestep_range"
_NOISE = {"transformer": "high_noise", "transformer_2": "low_noise"}


@dataclass(frozen=True, slots=True, eq=False)
class Lora:
    """A LoRA read from a file or from a pair of files: its parts, what its metadata says, and how it is laid out."""

    header: LoraHeader
    parts: Parts
    metadata: Mapping[str, str]
    layout: Layout | None


def opened(path: Path, low: Path | None = None, *, family: str | None = None) -> Lora:
    """Read a LoRA of any format; with `low`, `path` is the part for high noise and `low` that for low noise.

    `family` names the base where the file does not tell it. LoraError for what cannot be read.
    """
    first = _opened(path, family)
    if low is None:
        own = first.header.metadata.get(EXPERT)
        parts: Parts = first.parts
        if own in _NOISE and None in parts:
            parts = {own: parts[None]}
        return Lora(first.header, parts, _back(first.metadata), first.layout)
    second = _opened(low, family)
    halves: Parts = {}
    for half, expert in ((first, "transformer"), (second, "transformer_2")):
        said = half.header.expert(_BETWEEN)
        if set(half.parts) != {None} or said not in (None, expert):
            raise LoraError(
                f"{half.header.path}: it is not the part for {_NOISE[expert].replace('_', ' ')} alone"
            )
        halves[expert] = half.parts[None]
    ours, theirs = _back(first.metadata), _back(second.metadata)
    shared = {key: value for key, value in ours.items() if theirs.get(key) == value and key != _RANGE}
    if first.header.made_here and {"filmforge.base_digest", "filmforge.format"} - set(shared):
        raise LoraError(f"{path} and {low}: they are not two parts of one LoRA: their bases are not the same")
    return Lora(first.header, halves, shared, first.layout)


_BETWEEN = 0.8875
"""Where experts change, near enough to tell the ranges of both kinds of A14B apart."""


def _opened(path: Path, family: str | None) -> Lora:
    header = read_header(path)
    known = header.family or family
    if known is not None:
        layout = LAYOUTS.get(facts_of(known).layout)
    else:
        fitting = lora_bases.layouts_of(header.keys)
        layout = LAYOUTS[fitting[0]] if len(fitting) == 1 else None
    config = peft_config(path) if header.lacks_config else None
    return Lora(header, read(header, tensors.load(path), layout, str(path), config), header.metadata, layout)


def _back(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of the file that an export was made from."""
    found = {key: value for key, value in metadata.items() if key not in (PARTS, EXPERT, _KEPT)}
    if _KEPT in metadata:
        found[ADAPTER_METADATA] = metadata[_KEPT]
    return found


def write(lora: Lora, to: Format, folder: Path, stem: str) -> list[Path]:
    """Write `lora` into `folder` in the format `to`; the files, named from `stem`. Equal LoRAs give equal bytes.

    UsageError where a file of that name is there that filmforge did not write; LoraError where a module of it has no
    name in that format.
    """
    made: list[tuple[Path, dict[str, Tensor], dict[str, str]]] = []
    said = dict(lora.metadata) | ({} if lora.header.made_here else {_CONVERTED: "1"})
    if to == "filmforge":
        made.append((folder / f"{stem}.safetensors", *_ours(lora.parts, said)))
    else:
        for expert, pairs in lora.parts.items():
            metadata = dict(said)
            if ADAPTER_METADATA in metadata:
                metadata[_KEPT] = metadata.pop(ADAPTER_METADATA)
            if expert is not None:
                metadata[EXPERT] = expert
            end = "" if expert is None else f"_{_NOISE[expert]}"
            path = folder / f"{stem}.{to}{end}.safetensors"
            if to == "comfyui":
                held, split = _theirs(pairs, lora.layout, lora.header.path)
                if split:
                    metadata[PARTS] = json.dumps(split, sort_keys=True)
                made.append((path, held, {"format": "pt"} | metadata))
            elif expert is None:
                made.append((path, *_ours({None: pairs}, said)))
            else:
                made.append((path, *_ours({None: pairs}, metadata)))
    for path, _, _ in made:
        if path.exists() and not _exported(path):
            raise UsageError(
                f"{path}: there is a file of this name that filmforge did not write; move it away"
            )
    for path, held, metadata in made:
        tensors.save(path, held, metadata)
    return [path for path, _, _ in made]


def _exported(path: Path) -> bool:
    try:
        return any(key.startswith("filmforge.") for key in tensors.metadata(path))
    except (OSError, tensors.NotSafetensorsError):
        return False


def _ours(parts: Parts, metadata: Mapping[str, str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata as filmforge and diffusers have them."""
    held: dict[str, Tensor] = {}
    said: dict[str, Any] = {}
    for expert, pairs in parts.items():
        prefix = PREFIX if expert is None else f"{expert}."
        for module, pair in pairs.items():
            held[f"{prefix}{module}.lora_A.weight"] = pair.down
            held[f"{prefix}{module}.lora_B.weight"] = pair.up
        said |= {f"{prefix}{key}": value for key, value in configuration(pairs).items()}
    if not _holds(metadata, parts):
        metadata = {**metadata, ADAPTER_METADATA: json.dumps(said, sort_keys=True)}
    return held, {"format": "pt"} | dict(metadata)


def _holds(metadata: Mapping[str, str], parts: Parts) -> bool:
    """Whether the adapter metadata says of every module what its alpha is."""
    if ADAPTER_METADATA not in metadata:
        return False
    try:
        said = scales(metadata, None, "")
        return all(
            # Without the expert's name before it, diffusers would not find it.
            f"{expert or 'transformer'}.lora_alpha" in said.config
            and (alpha := said.alpha(Key(module, "alpha", expert), pair.rank)) is not None
            and math.isclose(alpha, pair.alpha, rel_tol=1e-6)
            for expert, pairs in parts.items()
            for module, pair in pairs.items()
        )
    except LoraError:
        return False


def _theirs(
    pairs: Mapping[str, Pair], layout: Layout | None, path: Path
) -> tuple[dict[str, Tensor], dict[str, list[tuple[str, int]]]]:
    """Tensors as ComfyUI has them, and what was laid side by side in each joined module."""
    if layout is None:
        raise LoraError(f"{path}: it does not tell for which model it is; name it: --family ID")
    held: dict[str, Tensor] = {}
    split: dict[str, list[tuple[str, int]]] = {}
    places: dict[str, tuple[Place, dict[str, Pair]]] = {}
    for module, pair in pairs.items():
        found = layout.theirs(module)
        if found is None:
            raise LoraError(f"{path}: {module} has no name in ComfyUI's format")
        places.setdefault(found[0], (found[1], {}))[1][module] = pair
    for name, (place, own) in places.items():
        if place.rows in ("thirds", "rest"):
            pair = _side_by_side(place, own)
            split[name] = [(module, own[module].rank) for module in place.modules if module in own]
        else:
            (pair,) = own.values()
            if place.rows == "swapped":
                pair = Pair(pair.down, swapped(pair.up), pair.alpha)
        held[f"diffusion_model.{name}.lora_A.weight"] = pair.down
        held[f"diffusion_model.{name}.lora_B.weight"] = pair.up
        held[f"diffusion_model.{name}.alpha"] = torch.tensor(pair.alpha, dtype=torch.float32)
    return held, split


_HIDDEN = 4
"""How many times wider than its input the hidden layer of HunyuanVideo's blocks is (`mlp_ratio` of its configuration)."""


def _side_by_side(place: Place, own: Mapping[str, Pair]) -> Pair:
    """One LoRA for a joined module: the downs one under another, each up in rows and columns of its own."""
    first = next(iter(own.values()))
    width, like = int(first.down.shape[1]), first.up
    present = [own[module] for module in place.modules if module in own]
    rank, start, rows = sum(pair.rank for pair in present), 0, []
    for at, module in enumerate(place.modules):
        last_of_rest = place.rows == "rest" and at == len(place.modules) - 1
        pair = own.get(module)
        if pair is None:
            height = width * (_HIDDEN if last_of_rest else 1) if place.rows == "rest" else int(like.shape[0])
            rows.append(like.new_zeros(height, rank))
            continue
        # One module has one scale: where they differ, that of the first is the whole's, and the others bear the rest.
        same = math.isclose(pair.scale, first.scale, rel_tol=1e-6)
        block = like.new_zeros(pair.up.shape[0], rank)
        block[:, start : start + pair.rank] = pair.up if same else pair.up * (pair.scale / first.scale)
        rows.append(block)
        start += pair.rank
    return Pair(torch.cat([pair.down for pair in present]), torch.cat(rows), first.scale * rank)
