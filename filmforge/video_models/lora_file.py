"""What a LoRA file says of itself: the format, and whether it fits a model. Without torch, so plans can ask.

A LoRA that filmforge trains is a safetensors file that diffusers' `load_lora_weights` reads as it is: keys
begin with `transformer.`, and `lora_adapter_metadata` carries rank and alpha (without it, diffusers takes
alpha for equal to the rank). What filmforge adds stands under `filmforge.` keys of the metadata. The formats of
other tools are told apart key by key, in `lora_keys.py`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filmforge.errors import LoraError
from filmforge.video_models import lora_bases, tensors
from filmforge.video_models.facts import Facts
from filmforge.video_models.lora_keys import Key, parse
from filmforge.video_models.lora_names import LAYOUTS
from filmforge.video_models.weights import Weights

FORMAT = "filmforge.lora/1"
PREFIX = "transformer."
"""Where the pipeline looks for a transformer's LoRA; under any other it warns and applies nothing."""
ADAPTER_METADATA = "lora_adapter_metadata"

EXPERT = "filmforge.expert"
"""In the metadata of a file that is one of two: the expert that it is for."""
_NOISE = {"transformer": "high", "transformer_2": "low"}
PEFT_CONFIG = "adapter_config.json"
"""What peft writes beside a LoRA, and where alone its alpha stands."""

_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


@dataclass(frozen=True, slots=True)
class LoraUse:
    """One LoRA on a shot: its file, and how strongly it counts (1.0 as trained; 0.0 not at all).

    `config` is peft's configuration of it, for a file that does not hold its own. `expert` is the one of two experts
    that it is put on; where it is None, the file says on which, or it is on both.
    """

    path: Path
    weight: float = 1.0
    config: Mapping[str, Any] | None = None
    expert: str | None = None


@dataclass(frozen=True, slots=True)
class LoraHeader:
    """What is known of a LoRA file before it is loaded.

    What a file made elsewhere does not say is None or empty. `shapes` maps each tensor's name to its shape, and
    `keys` to what it is of a LoRA.
    """

    path: Path
    shapes: Mapping[str, tuple[int, ...]]
    keys: Mapping[str, Key]
    family: str | None = None
    base_digest: str | None = None
    base_revision: str | None = None
    rank: int | None = None
    alpha: float | None = None
    trigger: str | None = None
    steps: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def made_here(self) -> bool:
        """Whether filmforge trained it."""
        return self.family is not None

    @property
    def lacks_config(self) -> bool:
        """Whether its scale stands only in the configuration that peft wrote beside it."""
        return any(key.peft for key in self.keys.values()) and ADAPTER_METADATA not in self.metadata

    def expert(self, boundary: float | None) -> str | None:
        """The one expert of two that the file was trained for, by what its metadata says; None where for both.

        `boundary` is the share of the noise at which the experts change. musubi-tuner writes the range of
        timesteps that it trained in, of 0 to 1000.
        """
        if boundary is None:
            return None
        if (said := self.metadata.get(EXPERT)) in ("transformer", "transformer_2"):
            return said
        try:
            low, high = map(float, self.metadata.get("modelspec.timestep_range", "").split(","))
        except ValueError:
            return None
        at, slack = boundary * 1000, 30.0  # the two kinds of A14B change at 875 and at 900
        if low >= at - slack:
            return "transformer"
        return "transformer_2" if high <= at + slack else None


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
    if not any(sign in name for name in shapes for sign in ("lora", ".hada_", ".lokr_")):
        raise LoraError(f"{path}: a safetensors file without a LoRA in it: no tensor's name holds 'lora'")
    try:
        keys = {name: parse(name) for name in shapes}
    except ValueError as error:
        raise LoraError(f"{path}: {error}") from None
    declared = metadata.get("filmforge.format")
    if declared is None:
        return LoraHeader(path, shapes, keys, metadata=metadata)
    if declared != FORMAT:
        raise LoraError(f"{path}: made in the format {declared}, and this version reads {FORMAT}")
    try:
        return LoraHeader(
            path,
            shapes,
            keys,
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


def mismatch(header: LoraHeader, facts: Facts, weights: Weights, expert: str | None = None) -> str | None:
    """Why this LoRA does not belong to these weights, or that `expert` of them; None when nothing speaks against it.

    A LoRA made here knows its base by family and digest. One made elsewhere is known by the names of its modules,
    by their width, by how many blocks they reach into, and by what its metadata says; it is held against the model's
    configuration where that is on this machine, and else against what is known of the family.
    """
    if expert is not None:
        said = header.expert(facts.boundary)
        if said not in (None, expert):
            return (
                f"{header.path}: made for the expert at {_NOISE[str(said)]} noise, and declared for the other"
            )
        if any(key.expert == "transformer_2" for key in header.keys.values()):
            return f"{header.path}: it names the experts itself; declare it as `file: PATH`"
    if header.family is not None:
        if header.family != facts.id:
            return f"{header.path}: made for {header.family}, and the model is {facts.id}"
        if weights.digest and header.base_digest and header.base_digest != weights.digest:
            return (
                f"{header.path}: made for {facts.id} with the weights {header.base_digest[:12]}, "
                f"and the model has {weights.digest[:12]}; train it anew on these"
            )
        return None
    layout = LAYOUTS.get(facts.layout)
    if declared := lora_bases.says_otherwise(header.metadata, facts.layout):
        return f"{header.path}: made for {declared}, as its metadata says, and the model is {facts.id}"
    modules = lora_bases.modules_of(header.keys.values(), layout) if layout else []
    if layout and not modules and (theirs := lora_bases.title_of(header.shapes)):
        return f"{header.path}: made for {theirs}, and the model is {facts.id}: none of its modules is in it"
    if facts.boundary is None and any(key.expert == "transformer_2" for key in header.keys.values()):
        return f"{header.path}: made for a model of two experts, and {facts.id} has one"
    if facts.layout == "wan" and any(module.endswith(".add_k_proj") for module in modules):
        return f"{header.path}: made for Wan 2.1 image to video, whose attention to the picture {facts.id} does not have"
    own = next((base for base in lora_bases.BASES if facts.id in base.families), None)
    official = own.width if own and weights.repo in (None, facts.weights) else None
    width = _attention_width(weights) or official
    found = lora_bases.widths(header.shapes, header.keys, layout)
    if width and found and found != {width}:
        wide = "/".join(map(str, sorted(found)))
        base = lora_bases.known(facts.layout, min(found))
        theirs = f"{base.title}, {wide} wide" if base else f"a model {wide} wide"
        return f"{header.path}: made for {theirs}, and {facts.id} is {width} wide: it belongs to another base"
    if own and found == {own.width}:
        base = lora_bases.known(facts.layout, own.width, lora_bases.depths(modules))
        if base and facts.id not in base.families:
            return f"{header.path}: made for {base.title}, by the number of blocks in it, and the model is {facts.id}"
    return None


def peft_config(path: Path) -> dict[str, Any] | None:
    """What of peft's configuration beside a LoRA decides its scale; None where there is none. LoraError if broken."""
    beside = path.with_name(PEFT_CONFIG)
    if not beside.is_file():
        return None
    try:
        found = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise LoraError(f"{beside}: peft's configuration of the LoRA cannot be read")
    return {key: found[key] for key in _SCALING if found.get(key)}


_SCALING = (
    "peft_type",
    "r",
    "lora_alpha",
    "rank_pattern",
    "alpha_pattern",
    "use_rslora",
    "use_dora",
    "lora_bias",
    "init_lora_weights",
)


def scales(metadata: Mapping[str, str], config: Mapping[str, Any] | None, where: str) -> Scales:
    """How a file's LoRA is scaled by what its metadata, or peft's configuration `config`, says. LoraError if unclear."""
    text = metadata.get(ADAPTER_METADATA)
    found = dict(config or {})
    if text is not None:
        try:
            found = json.loads(text)
        except ValueError:
            raise LoraError(f"{where}: its adapter metadata cannot be read") from None
        if not isinstance(found, dict):
            raise LoraError(f"{where}: its adapter metadata is not a table")
    return Scales(found, where)


@dataclass(frozen=True, slots=True)
class Scales:
    """The ranks and alphas of a peft configuration, in which the keys may begin with the name of an expert."""

    config: Mapping[str, Any]
    where: str

    def alpha(self, key: Key, rank: int) -> float | None:
        """The alpha of a module whose LoRA has `rank`, as that for which alpha / rank is its scale; None if unsaid.

        LoraError where the configuration is of another kind or another rank.
        """
        own = self._of(key.expert or "transformer")
        if "lora_alpha" not in own:
            return None
        start = own.get("init_lora_weights")
        if own.get("peft_type", "LORA") != "LORA" or own.get("use_dora") or own.get("lora_bias"):
            raise LoraError(
                f"{self.where}: its configuration is not of a plain LoRA (DoRA, a bias, or another kind)"
            )
        if isinstance(start, str) and start.lower().startswith(("pissa", "olora", "corda", "loftq")):
            raise LoraError(f"{self.where}: it began with {start}, which changes the base weights as well")
        try:
            alpha = float(_by_pattern(own.get("alpha_pattern"), key.module, own["lora_alpha"]))
            declared = int(_by_pattern(own.get("rank_pattern"), key.module, own.get("r", rank)))
        except (TypeError, ValueError, re.error):
            raise LoraError(f"{self.where}: rank and alpha in its configuration cannot be read") from None
        if declared != rank:
            raise LoraError(
                f"{self.where}: {key.module} has rank {rank}, and its configuration says {declared}: "
                "its scale is not certain"
            )
        return alpha * math.sqrt(rank) if own.get("use_rslora") else alpha

    def _of(self, expert: str) -> dict[str, Any]:
        named = {
            name.removeprefix(f"{expert}."): value
            for name, value in self.config.items()
            if name.startswith(f"{expert}.")
        }
        return named or {name: value for name, value in self.config.items() if "." not in name}


def _by_pattern(patterns: Any, module: str, otherwise: Any) -> Any:
    """What of `patterns`, regular expressions for the end of a name, holds for `module`: the first, as peft has it."""
    for pattern, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return value
    return otherwise


def _attention_width(weights: Weights) -> int | None:
    if weights.folder is None:
        return None
    try:
        text = (weights.folder / "transformer" / "config.json").read_text(encoding="utf-8")
        config: dict[str, Any] = json.loads(text)
        return int(config["num_attention_heads"]) * int(config["attention_head_dim"])
    except (OSError, ValueError, KeyError):
        return None
