"""Puts LoRAs on a model through its pipeline's own loader, and proves that they took hold.

diffusers only warns when a LoRA's keys match nothing, and then renders without it; so what is in the file is
held against the modules of the transformer first, name by name and shape by shape, and looked for afterwards. A
model with two experts gets each LoRA on both: diffusers alone would load it onto the first and say nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from filmforge.errors import LoraError
from filmforge.video_models import runtime, tensors
from filmforge.video_models.facts import Facts
from filmforge.video_models.lora_file import (
    ADAPTER_METADATA,
    PREFIX,
    LoraUse,
    mismatch,
    read_header,
)
from filmforge.video_models.weights import Weights

_PAIR = re.compile(r"(?P<module>.+)\.lora_(?P<side>A|B)\.weight")
_Signature = tuple[str, int, int]


class Loras:
    """The LoRAs that act on one model. Holds which files are loaded, under which adapter names.

    `experts` are the transformers that denoise, by the names under which `pipeline` knows them.
    """

    def __init__(
        self,
        facts: Facts,
        weights: Weights,
        pipeline: Any,
        experts: Mapping[str, Any],
        dtype: torch.dtype,
    ) -> None:
        self._facts = facts
        self._weights = weights
        self._pipeline = pipeline
        self._experts = experts
        self._dtype = dtype
        self._loaded: dict[_Signature, str] = {}
        self._acting: list[tuple[str, float]] = []
        self._count = 0

    def use(self, uses: Sequence[LoraUse]) -> None:
        """Have exactly `uses` act, in this order. What is not among them is unloaded."""
        wanted = [(_signature(use.path), use) for use in uses]
        if len({signature for signature, _ in wanted}) != len(wanted):
            raise LoraError(f"{uses[0].path}: the same LoRA is named twice on one shot")
        pipeline = self._pipeline
        spare = [
            name for key, name in self._loaded.items() if key not in {signature for signature, _ in wanted}
        ]
        if not wanted:
            self._forget()
            return
        for signature, use in wanted:
            if signature not in self._loaded:
                self._loaded[signature] = self._load(use.path)
        acting = [(self._loaded[signature], float(use.weight)) for signature, use in wanted]
        if acting != self._acting:
            pipeline.set_adapters([name for name, _ in acting], [weight for _, weight in acting])
            self._acting = acting
        if spare:
            pipeline.delete_adapters(spare)
            self._loaded = {key: name for key, name in self._loaded.items() if name not in spare}

    def _forget(self) -> None:
        """Take everything off: what is wanted again is read again."""
        if any(getattr(expert, "peft_config", None) for expert in self._experts.values()):
            self._pipeline.unload_lora_weights()
        self._loaded, self._acting = {}, []

    def _load(self, path: Path) -> str:
        header = read_header(path)
        reason = mismatch(header, self._facts, self._weights)
        if reason:
            raise LoraError(reason)
        where = f"{path} on {self._facts.id}"
        with runtime.warnings_are_errors(LoraError, where):
            try:
                # A dict passes the loader's conversion of foreign formats; its metadata must be named.
                state = self._pipeline.lora_state_dict(tensors.load(path))
            except (ValueError, KeyError, RuntimeError) as error:
                raise LoraError(f"{where}: its keys cannot be read: {error}") from error
        parts = self._parts(state)
        modules = {expert: self._check(held, prefix, where) for expert, (prefix, held) in parts.items()}
        name = f"lora{self._count}"
        self._count += 1
        metadata = _adapter_metadata(header.metadata, where)
        try:
            for of, (prefix, held) in parts.items():
                expert = self._experts[of]
                with runtime.warnings_are_errors(LoraError, where):
                    expert.load_lora_adapter(
                        {key: value.to(expert.device, self._dtype) for key, value in held.items()},
                        prefix=prefix.rstrip("."),
                        adapter_name=name,
                        metadata=metadata,
                        _pipeline=self._pipeline,
                        low_cpu_mem_usage=False,
                    )
                _check_took_hold(expert, name, modules[of], where)
                self._widen(expert, name, held, prefix)
        except LoraError:
            self._forget()
            raise
        return name

    def _widen(self, expert: Any, name: str, state: Mapping[str, Tensor], prefix: str) -> None:
        """Put a LoRA back to sixteen bits on weights that are stored in eight: peft makes it as small as its base."""
        for module_name, module in expert.named_modules():
            for side in ("lora_A", "lora_B"):
                held = getattr(module, side, {})
                if name in held and held[name].weight.dtype == torch.float8_e4m3fn:
                    value = state[f"{prefix}{module_name}.{side}.weight"]
                    held[name].weight.data = value.to(expert.device, self._dtype)

    def _parts(self, state: dict[str, Tensor]) -> dict[str, tuple[str, dict[str, Tensor]]]:
        """By expert, what of a LoRA acts on it: the prefix of its keys, and the keys.

        One that was trained for each expert names them. One that knows of a single transformer acts on both.
        """
        own: dict[str, dict[str, Tensor]] = {expert: {} for expert in self._experts}
        rest: dict[str, Tensor] = {}
        for key, value in state.items():
            expert = key.partition(".")[0]
            own.get(expert, rest)[key] = value
        named = [expert for expert, held in own.items() if held]
        if len(named) > 1 or (named and f"{named[0]}." != PREFIX):
            return {expert: (f"{expert}.", own[expert] | rest) for expert in named}
        return dict.fromkeys(self._experts, (PREFIX, state))

    def _check(self, state: dict[str, Tensor], prefix: str, where: str) -> set[str]:
        """Hold every key against the transformer; the modules that the LoRA acts on. Experts are built alike."""
        own = {
            name.replace(".base_layer", ""): module
            for name, module in next(iter(self._experts.values())).named_modules()
            if isinstance(module, torch.nn.Linear) and ".lora_" not in name
        }
        sides: dict[str, dict[str, Tensor]] = {}
        for key, value in state.items():
            found = _PAIR.fullmatch(key.removeprefix(prefix))
            if not key.startswith(prefix) or found is None:
                raise LoraError(f"{where}: '{key}' is not a key of a LoRA for this kind of model")
            sides.setdefault(found["module"], {})[found["side"]] = value
        if not sides:
            raise LoraError(f"{where}: there is nothing in it for this model")
        for module, pair in sides.items():
            if module not in own:
                raise LoraError(f"{where}: made for another base: the model has no {module}")
            if set(pair) != {"A", "B"} or any(side.ndim != 2 for side in pair.values()):
                raise LoraError(f"{where}: {module} lacks one half of its LoRA, or it is not a plain one")
            down, up = pair["A"], pair["B"]
            if down.shape[0] != up.shape[1]:
                raise LoraError(
                    f"{where}: {module} has rank {down.shape[0]} on one side and {up.shape[1]} on the other"
                )
            theirs = (up.shape[0], down.shape[1])
            ours = (own[module].out_features, own[module].in_features)
            if theirs != ours:
                raise LoraError(
                    f"{where}: made for another base: {module} is {theirs[0]}x{theirs[1]} in the file "
                    f"and {ours[0]}x{ours[1]} in the model"
                )
        if not all(torch.isfinite(value).all() for value in state.values()):
            raise LoraError(f"{where}: it holds numbers that are not finite")
        return set(sides)


def _check_took_hold(expert: Any, name: str, modules: set[str], where: str) -> None:
    have = {
        module_name for module_name, module in expert.named_modules() if name in getattr(module, "lora_B", {})
    }
    if have != modules:
        lost = ", ".join(sorted(modules ^ have)[:3])
        raise LoraError(f"{where}: loaded, and not on the modules that it names: {lost}")


def _adapter_metadata(metadata: Any, where: str) -> dict[str, Any] | None:
    """Rank and alpha of the adapter, as the pipeline's loader would read them from the file."""
    text = (metadata or {}).get(ADAPTER_METADATA)
    if text is None:
        return None
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        raise LoraError(f"{where}: its adapter metadata cannot be read") from None
    return found


def _signature(path: Path) -> _Signature:
    try:
        stat = path.stat()
    except OSError:
        raise LoraError(f"{path}: there is no such LoRA file") from None
    return str(path.resolve()), stat.st_size, stat.st_mtime_ns
