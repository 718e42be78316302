"""Makes drawn pictures as soft and grainy as painted ones, without any painter."""

from __future__ import annotations

import torch
from torch.nn import functional


def coarse_noise(
    dice: torch.Generator, batch: int, channels: int, cell: int, size: tuple[int, int] = (96, 160)
) -> torch.Tensor:
    """Noise (batch, channels, *size) of deviation 1 at its knots, which lie ``cell`` pixels apart."""
    knots = torch.randn((batch, channels, size[0] // cell, size[1] // cell), generator=dice)
    return functional.interpolate(knots, size, mode="bilinear") if cell > 1 else knots


def between(dice: torch.Generator, low: float, high: float, *shape: int) -> torch.Tensor:
    """Even random numbers of ``shape``."""
    return low + (high - low) * torch.rand(shape, generator=dice)


def softened(x: torch.Tensor, dice: torch.Generator) -> torch.Tensor:
    """Frames (B, 3, 96, 160) in -1..1, two in five as sharp as before, the others softened once or twice; all grained."""
    n = len(x)
    soft = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), "replicate"), 3, 1)
    softer = functional.avg_pool2d(functional.pad(soft, (1, 1, 1, 1), "replicate"), 3, 1)
    how = between(dice, 0, 1, n, 1, 1, 1)
    x = torch.where(how < 0.4, x, torch.where(how < 0.8, soft, softer))
    for cell, most in ((1, 0.1), (4, 0.1), (8, 0.08)):
        x = x + between(dice, 0, most, n, 1, 1, 1) * coarse_noise(dice, n, 3, cell)
    return x
