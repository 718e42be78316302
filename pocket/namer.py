"""A small classifier of pictures, taught on drawn ones that are softened and grained as painted ones are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pocket.workplace import half_precision

RATE, BATCH, GRAIN = 2e-3, 48, 0.06


class Namer(nn.Module):
    """Pictures (B, 3, H, W) in -1..1 to scores (B, `classes`), through layers of these `widths`, each of half the size."""

    def __init__(self, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in pairwise((3, *widths)):
            layers += [nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU()]
            layers += [nn.Conv2d(b, b, 3, 1, 1), nn.BatchNorm2d(b), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.body(x).amax((2, 3)))
        return scores


def teach(namer: Namer, pictures: torch.Tensor, truth: torch.Tensor, steps: int, softened: float) -> None:
    """Teach it what is in uint8 `pictures` (N, 3, H, W), a share `softened` of the batches through a box of 3x3."""
    optimiser = torch.optim.AdamW(namer.parameters(), RATE, weight_decay=1e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    dice = torch.Generator().manual_seed(0)
    for _ in range(steps):
        picks = torch.randint(len(pictures), (BATCH,), generator=dice)
        x = pictures[picks].float() / 127.5 - 1
        if torch.rand((), generator=dice) < softened:
            x = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), "replicate"), 3, 1)
        x = x + GRAIN * torch.randn(x.shape, generator=dice)
        with torch.autocast("cpu", torch.bfloat16, enabled=half_precision()):
            scores = namer(x)
        loss = functional.cross_entropy(scores.float(), truth[picks])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        plan.step()
    namer.eval()


@torch.no_grad()
def named(namer: Namer, pictures: torch.Tensor) -> np.ndarray:
    """The classes (N,) of uint8 `pictures` (N, 3, H, W)."""
    found = [namer(part.float() / 127.5 - 1).argmax(1) for part in pictures.split(64)]
    numbers: np.ndarray = torch.cat(found).numpy()
    return numbers
