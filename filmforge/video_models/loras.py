"""Puts LoRAs on a model through its pipeline's own loader, and proves that they took hold.

diffusers only warns when a LoRA's keys match nothing, and then renders without it; so what is in the file is
held against the modules of the transformer first, name by name and shape by shape, and looked for afterwards, with
its scale. A model with two experts gets each LoRA on both: diffusers alone would load it onto the first and say nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from filmforge.errors import LoraError
from filmforge.video_models import runtime, tensors
from filmforge.video_models.facts import Facts
from filmforge.video_models.lora_file import LoraUse, mismatch, read_header
from filmforge.video_models.lora_names import LAYOUTS
from filmforge.video_models.lora_reading import Pair, Parts, configuration, read
from filmforge.video_models.weights import Weights

_Signature = tuple[str, int, int, str, str | None]


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

    def use(self, uses: Sequence[LoraUse]) -> tuple[str, ...]:
        """Have exactly `uses` act, in this order, and return their adapters' names. What is not among them is unloaded."""
        wanted = [(_signature(use), use) for use in uses]
        if len({signature for signature, _ in wanted}) != len(wanted):
            raise LoraError(f"{uses[0].path}: the same LoRA is named twice on one shot")
        pipeline = self._pipeline
        spare = [
            name for key, name in self._loaded.items() if key not in {signature for signature, _ in wanted}
        ]
        if not wanted:
            self._forget()
            return ()
        for signature, use in wanted:
            if signature not in self._loaded:
                self._loaded[signature] = self._load(use)
        acting = [(self._loaded[signature], float(use.weight)) for signature, use in wanted]
        if acting != self._acting:
            pipeline.set_adapters([name for name, _ in acting], [weight for _, weight in acting])
            self._acting = acting
        if spare:
            pipeline.delete_adapters(spare)
            self._loaded = {key: name for key, name in self._loaded.items() if name not in spare}
        return tuple(name for name, _ in acting)

    def _forget(self) -> None:
        """Take everything off: what is wanted again is read again."""
        if any(getattr(expert, "peft_config", None) for expert in self._experts.values()):
            self._pipeline.unload_lora_weights()
        self._loaded, self._acting = {}, []

    def _load(self, use: LoraUse) -> str:
        header = read_header(use.path)
        reason = mismatch(header, self._facts, self._weights, use.expert)
        if reason:
            raise LoraError(reason)
        where = f"{use.path} on {self._facts.id}"
        layout = LAYOUTS.get(self._facts.layout)
        parts = read(header, tensors.load(use.path), layout, where, use.config)
        own = self._by_expert(parts, use.expert or header.expert(self._facts.boundary), where)
        for pairs in own.values():
            self._check(pairs, where)
        name = f"lora{self._count}"
        self._count += 1
        try:
            for of, pairs in own.items():
                expert = self._experts[of]
                with runtime.warnings_are_errors(LoraError, where):
                    expert.load_lora_adapter(
                        {
                            f"{module}.{side}.weight": value.to(expert.device, self._dtype)
                            for module, pair in pairs.items()
                            for side, value in (("lora_A", pair.down), ("lora_B", pair.up))
                        },
                        prefix=None,
                        adapter_name=name,
                        metadata=configuration(pairs),
                        _pipeline=self._pipeline,
                        low_cpu_mem_usage=False,
                    )
                _check_took_hold(expert, name, pairs, where)
                self._widen(expert, name, pairs)
        except LoraError:
            self._forget()
            raise
        return name

    def _widen(self, expert: Any, name: str, pairs: Mapping[str, Pair]) -> None:
        """Put a LoRA back to sixteen bits on weights that are stored in eight: peft makes it as small as its base."""
        for module_name, module in expert.named_modules():
            for side in ("lora_A", "lora_B"):
                held = getattr(module, side, {})
                if name in held and held[name].weight.dtype == torch.float8_e4m3fn:
                    pair = pairs[module_name]
                    value = pair.down if side == "lora_A" else pair.up
                    held[name].weight.data = value.to(expert.device, self._dtype)

    def _by_expert(self, parts: Parts, only: str | None, where: str) -> dict[str, dict[str, Pair]]:
        """By expert, what of a LoRA acts on it.

        One that was trained for each expert names them. One that knows of a single transformer acts on both, unless
        its metadata says that it was trained for one of them, `only`.
        """
        common = parts.get(None)
        if common is not None:
            return {name: common for name in self._experts if only in (None, name)}
        if strangers := {name for name in parts if name not in self._experts}:
            raise LoraError(f"{where}: made for a model of two experts: this one has no {strangers.pop()}")
        return {name: pairs for name, pairs in parts.items() if name is not None}

    def _check(self, pairs: Mapping[str, Pair], where: str) -> None:
        """Hold every module of a LoRA against the transformer's. Experts are built alike."""
        own = {
            name.replace(".base_layer", ""): module
            for name, module in next(iter(self._experts.values())).named_modules()
            if isinstance(module, torch.nn.Linear) and ".lora_" not in name
        }
        for module, pair in pairs.items():
            if module not in own:
                raise LoraError(f"{where}: made for another base: the model has no {module}")
            theirs = (pair.up.shape[0], pair.down.shape[1])
            ours = (own[module].out_features, own[module].in_features)
            if theirs != ours:
                raise LoraError(
                    f"{where}: made for another base: {module} is {theirs[0]}x{theirs[1]} in the file "
                    f"and {ours[0]}x{ours[1]} in the model"
                )


def _check_took_hold(expert: Any, name: str, pairs: Mapping[str, Pair], where: str) -> None:
    have = {
        module_name: float(module.scaling[name])
        for module_name, module in expert.named_modules()
        if name in getattr(module, "lora_B", {})
    }
    if set(have) != set(pairs):
        lost = ", ".join(sorted(set(pairs) ^ set(have))[:3])
        raise LoraError(f"{where}: loaded, and not on the modules that it names: {lost}")
    for module, scale in have.items():
        if not math.isclose(scale, pairs[module].scale, rel_tol=1e-6):
            raise LoraError(
                f"{where}: loaded, and {module} is scaled by {scale:g}, not {pairs[module].scale:g}"
            )


def _signature(use: LoraUse) -> _Signature:
    try:
        stat = use.path.stat()
    except OSError:
        raise LoraError(f"{use.path}: there is no such LoRA file") from None
    config = json.dumps(use.config, sort_keys=True) if use.config else ""
    return str(use.path.resolve()), stat.st_size, stat.st_mtime_ns, config, use.expert
