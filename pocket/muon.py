"""Muon: momentum, then the nearest orthogonal matrix; AdamW for everything that is not a matrix.

Keller Jordan and others, 2024 (https://kellerjordan.github.io/posts/muon/), with the step size of
Moonlight (Liu and others, 2025): updates have the root mean square of AdamW's, so one learning
rate serves both. On these small networks it needs about half of AdamW's steps.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from pocket.pair import RANK, WORKERS, add_up
from pocket.workplace import half_precision


def orthogonal(g: torch.Tensor, rounds: int = 5) -> torch.Tensor:
    """Newton-Schulz towards the orthogonal factor of ``g`` (rows, columns)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = (g / (g.norm() + 1e-7)).to(torch.bfloat16 if half_precision() else g.dtype)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(rounds):
        s = x @ x.T
        x = a * x + (b * s + c * s @ s) @ x
    return (x.T if tall else x).to(g.dtype)


class Muon(torch.optim.Optimizer):
    """Groups carry ``matrix`` (bool): Muon when true, AdamW when false."""

    def __init__(self, groups: Iterable[dict[str, object]], lr: float, decay: float = 1e-4) -> None:
        super().__init__(groups, {"lr": lr, "decay": decay, "matrix": False})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        shares: list[tuple[torch.Tensor, torch.Tensor, float]] = []
        for group in self.param_groups:
            lr = group["lr"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["m"] = torch.zeros_like(p)
                    state["n"] = torch.zeros(())
                    if not group["matrix"]:
                        state["v"] = torch.zeros_like(p)
                state["n"] += 1
                p.mul_(1 - lr * group["decay"])
                if group["matrix"]:
                    state["m"].mul_(0.95).add_(p.grad)
                    g = p.grad.add(state["m"], alpha=0.95).flatten(1)
                    mine = len(shares) % WORKERS == RANK
                    share = orthogonal(g) * (0.2 * max(g.shape) ** 0.5) if mine else torch.zeros_like(g)
                    shares.append((p, share, lr))
                else:
                    state["m"].lerp_(p.grad, 0.1)
                    state["v"].lerp_(p.grad.square(), 0.02)
                    n = float(state["n"])
                    m, v = state["m"] / (1 - 0.9**n), state["v"] / (1 - 0.98**n)
                    p.add_(m / (v.sqrt() + 1e-8), alpha=-lr)
        for (p, _, lr), update in zip(shares, add_up([s for _, s, _ in shares]), strict=True):
            p.add_(update.view_as(p), alpha=-lr)


def muon(model: torch.nn.Module, lr: float, plain: tuple[str, ...] = ()) -> Muon:
    """Matrices and convolution kernels to Muon; biases, norms, embeddings and ends to AdamW.

    ``plain`` names modules whose matrices stay with AdamW (first and last layers, embeddings).
    """
    matrices, rest = [], []
    for name, p in model.named_parameters():
        small = p.ndim < 2 or min(p.shape[0], p[0].numel()) < 8
        (rest if small or any(part in name for part in plain) else matrices).append(p)
    return Muon([{"params": matrices, "matrix": True}, {"params": rest, "matrix": False}], lr)
