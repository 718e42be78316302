"""Keeps a training's state, so that a killed one goes on and ends with the same bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from filmforge.lora.curve import Measured
from filmforge.video_models import tensors

FORMAT = "filmforge.checkpoint/4"
_ASIDE = "b"
"""What the names of weights put aside begin with; the step follows."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state after `step` steps: by parameter name, weights and AdamW's two moments; every loss so far.

    `measured` is what was found on the held-out photos so far, and `aside` the weights, by their step, that are kept by
    that as things stand; both empty where none are.
    """

    step: int
    weights: Mapping[str, Tensor]
    first: Mapping[str, Tensor]
    second: Mapping[str, Tensor]
    losses: tuple[float, ...]
    measured: tuple[Measured, ...] = ()
    aside: Mapping[int, Mapping[str, Tensor]] = field(default_factory=dict)


def save(scratch: Path, identity: str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint of the training `identity` whole, then remove the older ones."""
    held = {"losses": torch.tensor(checkpoint.losses, dtype=torch.float64)}
    if checkpoint.measured:
        rows = [[m.step, math.nan if m.near is None else m.near, *m.losses] for m in checkpoint.measured]
        held["measured"] = torch.tensor(rows, dtype=torch.float64)
    parts = {"w": checkpoint.weights, "m": checkpoint.first, "v": checkpoint.second}
    parts |= {f"{_ASIDE}{step}": values for step, values in checkpoint.aside.items()}
    for part, values in parts.items():
        held |= {f"{part}.{name}": value for name, value in values.items()}
    path = scratch / f"checkpoint-{checkpoint.step:08}.safetensors"
    tensors.save(path, held, {"format": FORMAT, "identity": identity, "step": str(checkpoint.step)})
    for older in _all(scratch):
        if older != path:
            older.unlink(missing_ok=True)


def latest(scratch: Path, identity: str) -> Checkpoint | None:
    """The newest whole checkpoint of the training `identity`; None when there is none to go on from."""
    for path in reversed(_all(scratch)):
        try:
            said = tensors.metadata(path)
            if said.get("format") != FORMAT or said.get("identity") != identity:
                continue
            held = tensors.load(path)
            losses = tuple(held.pop("losses").tolist())
            rows = held.pop("measured").tolist() if "measured" in held else []
            measured = tuple(
                Measured(int(row[0]), tuple(row[2:]), None if math.isnan(row[1]) else row[1]) for row in rows
            )
            parts: dict[str, dict[str, Tensor]] = {}
            for name, value in held.items():
                part, _, parameter = name.partition(".")
                parts.setdefault(part, {})[parameter] = value
            aside = {int(part[1:]): values for part, values in parts.items() if part.startswith(_ASIDE)}
            return Checkpoint(int(said["step"]), parts["w"], parts["m"], parts["v"], losses, measured, aside)
        except (OSError, KeyError, ValueError):
            continue
    return None


def _all(scratch: Path) -> list[Path]:
    return sorted(scratch.glob("checkpoint-*.safetensors"))
