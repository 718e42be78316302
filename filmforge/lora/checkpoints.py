"""Keeps a training's state, so that a killed one goes on and ends with the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from filmforge.lora.curve import Measured
from filmforge.video_models import tensors

FORMAT = "filmforge.checkpoint/2"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state after `step` steps: by parameter name, weights and AdamW's two moments; every loss so far.

    `measured` are the held-out losses so far, and `best` the weights to be kept by them; both empty where none are.
    """

    step: int
    weights: Mapping[str, Tensor]
    first: Mapping[str, Tensor]
    second: Mapping[str, Tensor]
    losses: tuple[float, ...]
    measured: tuple[Measured, ...] = ()
    best: Mapping[str, Tensor] = field(default_factory=dict)


def save(scratch: Path, identity: str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint of the training `identity` whole, then remove the older ones."""
    held = {"losses": torch.tensor(checkpoint.losses, dtype=torch.float64)}
    if checkpoint.measured:
        rows = [[m.step, *m.losses] for m in checkpoint.measured]
        held["measured"] = torch.tensor(rows, dtype=torch.float64)
    parts = {"w": checkpoint.weights, "m": checkpoint.first, "v": checkpoint.second, "b": checkpoint.best}
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
            parts = {
                part: {name[2:]: value for name, value in held.items() if name.startswith(f"{part}.")}
                for part in ("w", "m", "v", "b")
            }
            losses = tuple(held["losses"].tolist())
            rows = held["measured"].tolist() if "measured" in held else []
            measured = tuple(Measured(int(row[0]), tuple(row[1:])) for row in rows)
            return Checkpoint(
                int(said["step"]), parts["w"], parts["m"], parts["v"], losses, measured, parts["b"]
            )
        except (OSError, KeyError, ValueError):
            continue
    return None


def _all(scratch: Path) -> list[Path]:
    return sorted(scratch.glob("checkpoint-*.safetensors"))
