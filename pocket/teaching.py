"""Teaches a small network by steps: resumes where it was stopped, and ends the same either way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from pocket.workplace import load, save

SAVE_EVERY = 50


def teach(
    network: nn.Module,
    steps: int,
    rate: float,
    path: Path,
    ready: Callable[[], Callable[[torch.Generator], tuple[torch.Tensor, float]]],
) -> None:
    """Bring ``network`` to ``steps`` steps of AdamW, by the checkpoint at ``path`` and on from there.

    ``ready`` loads the material, where any step is left to do, and gives the function of one step: from a generator
    seeded with the step's number to its loss, and the share that was right, to be printed.
    """
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=2e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    parts = {"network": network, "optimiser": optimiser, "plan": plan}
    state = load(path) or {"step": 0}
    for name in parts.keys() & state.keys():
        parts[name].load_state_dict(state[name])
    if state["step"] >= steps:
        return
    one = ready()
    for step in range(state["step"], steps):
        loss, right = one(torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        plan.step()
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            print(f"{path.stem}: step {step + 1} of {steps}, loss {loss:.2f}, right {right:.2f}", flush=True)
            save({n: p.state_dict() for n, p in parts.items()} | {"step": step + 1}, path)
