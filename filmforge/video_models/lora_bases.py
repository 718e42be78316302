"""Tells for which model a LoRA was made, from what its file says and from the shapes in it. Without torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from filmforge.video_models.lora_keys import Key
from filmforge.video_models.lora_names import LAYOUTS, Layout


@dataclass(frozen=True, slots=True)
class Base:
    """A model that LoRAs are made for: its layout, the width of its attention, and how many blocks it has."""

    title: str
    layout: str
    width: int
    blocks: Mapping[str, int]
    families: tuple[str, ...] = ()


_DOUBLE, _SINGLE = "transformer_blocks", "single_transformer_blocks"

BASES = (
    Base("Wan 2.1 1.3B", "wan", 1536, {"blocks": 30}),
    Base("Wan 14B (2.1, or 2.2 A14B)", "wan", 5120, {"blocks": 40}, ("wan2.2-t2v-a14b", "wan2.2-i2v-a14b")),
    Base("Wan 2.2 TI2V 5B", "wan", 3072, {"blocks": 30}, ("wan2.2-ti2v-5b",)),
    Base("HunyuanVideo", "hunyuan", 3072, {_DOUBLE: 20, _SINGLE: 40}, ("hunyuan-video",)),
    Base("FLUX.1", "hunyuan", 3072, {_DOUBLE: 19, _SINGLE: 38}),
    Base("Mochi 1", "mochi", 3072, {_DOUBLE: 48}, ("mochi-1",)),
    Base("CogVideoX 5B", "mochi", 3072, {_DOUBLE: 42}),
    Base("CogVideoX 2B", "mochi", 1920, {_DOUBLE: 30}),
    Base("LTX-Video 2B", "ltx", 2048, {_DOUBLE: 28}),
    Base("LTX-Video 13B", "ltx", 4096, {_DOUBLE: 48}),
)
"""Sources: the configurations of these models' transformers. FLUX.1 and CogVideoX are here because their LoRAs fit
HunyuanVideo's and Mochi's modules to the last number: only the count of blocks tells them apart."""

_SIGNS = (
    ("Stable Diffusion XL", r"^lora_te2_|^lora_unet_(input|output)_blocks_"),
    ("Stable Diffusion", r"^lora_unet_(down|mid|up)_block|^unet\.(down|mid|up)_block"),
    ("LTX-2", r"audio_"),
    ("Qwen-Image", r"transformer_blocks[._]\d+[._](img|txt)_(mlp|mod)"),
    ("Z-Image", r"layers[._]\d+[._](attention|feed_forward)"),
    ("HunyuanVideo or FLUX.1", r"(double|single)_blocks[._]\d|single_transformer_blocks[._]\d"),
    ("Wan", r"blocks[._]\d+[._](self|cross)_attn|(?<!transformer_)\bblocks[._]\d+[._]attn[12]"),
    ("Mochi 1", r"qkv_[xy]|transformer_blocks[._]\d+[._]attn1[._]add_"),
    ("LTX-Video", r"transformer_blocks[._]\d+[._]attn2"),
)
_ARCHITECTURES = {
    "wan": r"wan.*",
    "hunyuan": r"hunyuan[-_]?video",
    "mochi": r"mochi.*|genmo.*",
    "ltx": r"ltxv?([-_]?video.*)?",
}
_QUERIES = re.compile(r"(attn1?\.to_q|\.self_attn\.q)$")


def title_of(names: Iterable[str]) -> str | None:
    """The kind of model whose modules the keys of a file name; None where none is recognized."""
    names = list(names)
    return next((title for title, sign in _SIGNS if any(re.search(sign, name) for name in names)), None)


def says_otherwise(metadata: Mapping[str, str], layout: str) -> str | None:
    """The architecture that a file's metadata names, if it is not `layout`'s; None where it names none."""
    declared = metadata.get("modelspec.architecture", "").partition("/")[0]
    expected = _ARCHITECTURES.get(layout)
    if not declared or not expected or re.fullmatch(expected, declared, re.IGNORECASE):
        return None
    return declared


def modules_of(keys: Iterable[Key], layout: Layout) -> list[str]:
    """The modules in diffusers' names that `layout` knows of those that a file names."""
    found: dict[str, None] = {}
    for key in keys:
        place = layout.place(key.module, joined=key.joined) if key.side == "down" else None
        for module in place.modules if place else ():
            found[module] = None
    return list(found)


def widths(shapes: Mapping[str, Sequence[int]], keys: Mapping[str, Key], layout: Layout | None) -> set[int]:
    """How wide what a self-attention's query takes is, by the halves of the file that take it in."""
    found = set()
    for name, key in keys.items():
        if key.side == "down" and len(shapes[name]) == 2:
            place = layout.place(key.module, joined=key.joined) if layout else None
            if _QUERIES.search(place.modules[0] if place else key.module):
                found.add(shapes[name][1])
    return found


def depths(modules: Iterable[str]) -> dict[str, int]:
    """How many blocks of each kind `modules` reach into, by the name of the list they stand in."""
    found: dict[str, int] = {}
    for module in modules:
        if match := re.match(r"(\w+)\.(\d+)\.", module):
            found[match[1]] = max(found.get(match[1], 0), int(match[2]) + 1)
    return found


def known(layout: str, width: int, blocks: Mapping[str, int] | None = None) -> Base | None:
    """The model of these measures; where `blocks` is not told, the one whose LoRAs filmforge can use comes first."""
    fitting = [base for base in BASES if base.layout == layout and base.width == width]
    if blocks is not None:
        own = {kind: count for kind, count in blocks.items() if kind in ("blocks", _DOUBLE, _SINGLE)}
        fitting = [base for base in fitting if own and all(base.blocks.get(k) == n for k, n in own.items())]
    return next(iter(sorted(fitting, key=lambda base: not base.families)), None)


def layouts_of(keys: Mapping[str, Key]) -> list[str]:
    """The layouts that know every module that a file names."""
    return [
        name
        for name, layout in LAYOUTS.items()
        if all(layout.place(key.module, joined=key.joined) for key in keys.values() if key.side == "down")
    ]
