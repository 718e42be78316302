"""Reads a LoRA of any tool into what every tool means by one: for each module of diffusers' transformer, its two halves
and its alpha. What such a file does is the sum of up @ down * alpha / rank over the modules; so two files that read
alike act alike, whatever their formats.

diffusers has conversions of its own. They are not used: that for musubi-tuner needs every module of every block to be
there, those for Wan and Hunyuan fail or leave keys out where an alpha, a bias or a partial LoRA stands in them, and the
one for Hunyuan knows one width only.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from filmforge.errors import LoraError
from filmforge.video_models import lora_bases
from filmforge.video_models.lora_file import LoraHeader, Scales, scales
from filmforge.video_models.lora_keys import Key
from filmforge.video_models.lora_names import Layout, Place

PARTS = "filmforge.parts"
"""In the metadata of an export: which modules, of which ranks, stand one after another in each joined one."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One module's LoRA: `down` [rank, in], `up` [out, rank]. It adds up @ down * alpha / rank to the weight."""

    down: Tensor
    up: Tensor
    alpha: float

    @property
    def rank(self) -> int:
        """The number of rows of `down`."""
        return int(self.down.shape[0])

    @property
    def scale(self) -> float:
        """What the product of the halves is multiplied by."""
        return self.alpha / self.rank


Parts = dict[str | None, dict[str, Pair]]
"""By expert, or None where one transformer is meant: by the name of each module, its LoRA."""


def read(
    header: LoraHeader,
    state: Mapping[str, Tensor],
    layout: Layout | None,
    where: str,
    config: Mapping[str, Any] | None = None,
) -> Parts:
    """The LoRA in a file's tensors `state`. `config` is peft's configuration, for a file that lacks its own.

    LoraError, beginning with `where`, for one that is not whole or whose scale is not certain.
    """
    if header.lacks_config and config is None:
        raise LoraError(
            f"{where}: peft keeps its alpha in adapter_config.json, which is not beside the file; put it there"
        )
    said = scales(header.metadata, config, where)
    split = _split(header)
    halves: dict[Key, dict[str, Tensor]] = {}
    for name, value in state.items():
        key = header.keys[name]
        module = Key(key.module, "down", key.expert, key.joined)
        if key.side in halves.setdefault(module, {}):
            raise LoraError(f"{where}: {key.module} stands twice in it")
        halves[module][key.side] = value
    experts = any(module.expert == "transformer_2" for module in halves)
    found: Parts = {}
    for module, sides in halves.items():
        if not {"down", "up"} <= set(sides) or any(sides[side].ndim != 2 for side in ("down", "up")):
            raise LoraError(f"{where}: {module.module} lacks one half of its LoRA, or it is not a plain one")
        down, up = sides["down"], sides["up"]
        if down.shape[0] != up.shape[1]:
            raise LoraError(
                f"{where}: {module.module} has rank {down.shape[0]} on one side and {up.shape[1]} on the other"
            )
        if not all(bool(value.float().isfinite().all()) for value in sides.values()):
            raise LoraError(f"{where}: it holds numbers that are not finite")
        pair = Pair(down, up, _alpha(module, sides.get("alpha"), down.shape[0], said, header, where))
        place = layout.place(module.module, joined=module.joined) if layout else None
        if place is None and module.joined:
            theirs = lora_bases.title_of(header.shapes) or "another base"
            raise LoraError(f"{where}: made for {theirs}: the model has no {module.module}")
        place = place or Place((module.module,))
        # `transformer.` means the first of two experts only beside keys of the second.
        expert = module.expert if experts or module.expert == "transformer_2" else None
        own = found.setdefault(expert, {})
        for name, each in _placed(pair, place, split.get(module.module), where):
            if name in own:
                raise LoraError(f"{where}: {name} stands twice in it, under two names")
            own[name] = each
    if not found:
        raise LoraError(f"{where}: there is nothing in it for this model")
    if None in found and len(found) > 1:
        raise LoraError(f"{where}: some of its keys name an expert and some do not")
    return found


def _alpha(
    module: Key, stored: Tensor | None, rank: int, said: Scales, header: LoraHeader, where: str
) -> float:
    """The alpha of one module: as stored beside it, or as its configuration says, or the rank."""
    if stored is not None:
        if stored.numel() != 1:
            raise LoraError(f"{where}: the alpha of {module.module} is not one number")
        return float(stored)
    own = _mochi_alpha(module, rank, header.metadata)
    if own is None:
        own = said.alpha(module, rank)
    return float(rank) if own is None else own


def _mochi_alpha(module: Key, rank: int, metadata: Mapping[str, str]) -> float | None:
    """What Mochi's own trainer says of a module: it writes its settings under `kwargs`."""
    try:
        settings = json.loads(metadata.get("kwargs", ""))
        part = "qkv_proj" if ".attn.qkv_" in f".{module.module}" else "out_proj"
        return float(settings[f"{part}_lora_alpha"])
    except (ValueError, KeyError, TypeError):
        return None


def _split(header: LoraHeader) -> dict[str, list[tuple[str, int]]]:
    """What an export of filmforge says of the modules that it joined; {} of any other file."""
    try:
        found: dict[str, list[tuple[str, int]]] = json.loads(header.metadata.get(PARTS, "{}"))
        return {module: [(str(name), int(rank)) for name, rank in parts] for module, parts in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _placed(
    pair: Pair, place: Place, split: list[tuple[str, int]] | None, where: str
) -> list[tuple[str, Pair]]:
    """A LoRA as those of the modules in its place."""
    down, up = pair.down, pair.up
    rows = up.shape[0]
    if place.rows == "whole":
        return [(place.modules[0], pair)]
    if place.rows == "swapped":
        return [(place.modules[0], Pair(down, swapped(up), pair.alpha))]
    count = len(place.modules)
    each = rows // count if place.rows == "thirds" else int(down.shape[1])
    sizes = [each] * (count - 1) + [rows - each * (count - 1)]
    if sizes[-1] <= 0 or (place.rows == "thirds" and sizes[-1] != each):
        raise LoraError(
            f"{where}: made for another base: {rows} rows are not those of {', '.join(place.modules)}"
        )
    chunks = dict(zip(place.modules, torch.split(up, sizes), strict=True))
    if (
        split is None
        or sum(rank for _, rank in split) != pair.rank
        or not {n for n, _ in split} <= set(chunks)
    ):
        return [(name, Pair(down, chunk.contiguous(), pair.alpha)) for name, chunk in chunks.items()]
    placed, start = [], 0
    for name, rank in split:
        part = slice(start, start + rank)
        own = Pair(down[part].contiguous(), chunks[name][:, part].contiguous(), pair.scale * rank)
        placed.append((name, own))
        start += rank
    return placed


def configuration(pairs: Mapping[str, Pair]) -> dict[str, Any]:
    """The configuration under which peft gives each module exactly its rank and alpha.

    Left to itself, peft takes a module's rank and alpha from the commonest ones, and finds modules by the end of their
    names: `proj_out` would name those of the blocks too.
    """
    rank = Counter(pair.rank for pair in pairs.values()).most_common(1)[0][0]
    alpha = Counter(pair.alpha for pair in pairs.values()).most_common(1)[0][0]
    return {
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": {
            f"^{re.escape(name)}": pair.rank for name, pair in pairs.items() if pair.rank != rank
        },
        "alpha_pattern": {
            f"^{re.escape(name)}": pair.alpha for name, pair in pairs.items() if pair.alpha != alpha
        },
        "target_modules": "|".join(re.escape(name) for name in pairs),
    }


def swapped(up: Tensor) -> Tensor:
    """The rows of `up`, the second half before the first."""
    first, second = up.chunk(2)
    return torch.cat([second, first])
