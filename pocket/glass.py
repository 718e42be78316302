"""The magnifying glass of the judges: a small network that names the kind of a figure, shown at one size.

A fox of thirty pixels and one that fills the picture are first cut out, by where the figure stands, and brought to the
same size; so the glass need not learn its parts at every size. It learns from drawn stills only, in any colour: the
kinds differ in shape, not in colour.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pocket.cast import KINDS
from pocket.eye_parts import Block, halved
from pocket.judge_material import stills
from pocket.softness import between, coarse_noise
from pocket.teaching import teach
from pocket.workplace import WORK, half_precision

NOBODY = "stranger"  # what a puppet is called that is none of the kinds
NAMES = (*KINDS, NOBODY)
SIDE = 64  # pixels of what the glass sees
BATCH, STEPS, RATE = 64, 700, 3e-3


class Glass(nn.Module):
    """Figures (B, 3, SIDE, SIDE) in -1..1 to scores of NAMES (B, 9)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            halved(3, 32), Block(32), halved(32, 64), Block(64), halved(64, 96), Block(96)
        )
        self.head = nn.Linear(192, len(NAMES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cells = self.body(x).float()
        scores: torch.Tensor = self.head(torch.cat([cells.mean((2, 3)), cells.amax((2, 3))], 1))
        return scores


def windows(figure: torch.Tensor) -> torch.Tensor:
    """The square round each figure, of maps (B, 12, 20) in 0..1: middle x, middle y, half a side, in pixels (B, 3).

    By mean and spread rather than by the outermost cells: a stray cell moves it little.
    """
    weight = (figure * (figure > 0.5)) + 1e-6
    total = weight.sum((1, 2))
    x, y = torch.arange(20) * 8.0 + 4, torch.arange(12) * 8.0 + 4
    across, along = weight.sum(1), weight.sum(2)
    mx, my = (across * x).sum(1) / total, (along * y).sum(1) / total
    sx = ((across * (x - mx[:, None]) ** 2).sum(1) / total).sqrt()
    sy = ((along * (y - my[:, None]) ** 2).sum(1) / total).sqrt()
    return torch.stack([mx, my, (1.8 * torch.maximum(sx, sy)).clamp(10, 60)], 1)


def cut_out(
    x: torch.Tensor, where: torch.Tensor, turn: torch.Tensor | None = None, mirror: torch.Tensor | None = None
) -> torch.Tensor:
    """Windows ``where`` (B, 3) of frames (B, 3, 96, 160), as (B, 3, SIDE, SIDE); turned by radians, mirrored by -1."""
    half = where[:, 2]
    angle = torch.zeros_like(half) if turn is None else turn
    sign = torch.ones_like(half) if mirror is None else mirror
    maps = torch.zeros(len(x), 2, 3)
    maps[:, 0, 0], maps[:, 0, 1] = sign * angle.cos() * half / 80, -angle.sin() * half / 80
    maps[:, 1, 0], maps[:, 1, 1] = sign * angle.sin() * half / 48, angle.cos() * half / 48
    maps[:, 0, 2], maps[:, 1, 2] = where[:, 0] / 80 - 1, where[:, 1] / 48 - 1
    grid = functional.affine_grid(maps, [len(x), 3, SIDE, SIDE], align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _disturbed(x: torch.Tensor, where: torch.Tensor, dice: torch.Generator) -> torch.Tensor:
    """Cut out not quite where the figure stands, turned, mirrored, in other colours, softened and grained."""
    n = len(x)
    shift = where[:, 2:] * between(dice, -0.15, 0.15, n, 2)
    half = where[:, 2:] * between(dice, 0.85, 1.25, n, 1)
    sign = torch.where(between(dice, 0, 1, n) < 0.5, -1.0, 1.0)
    x = cut_out(x, torch.cat([where[:, :2] + shift, half], 1), between(dice, -0.15, 0.15, n), sign)
    order = torch.stack([torch.randperm(3, generator=dice) for _ in range(n)])
    x = x.gather(1, order[:, :, None, None].expand_as(x))
    x = x * between(dice, 0.6, 1.2, n, 3, 1, 1) + between(dice, -0.2, 0.2, n, 3, 1, 1)
    how = between(dice, 0, 1, n, 1, 1, 1)
    for sharp in (0.35, 0.6, 0.85):
        soft = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), "replicate"), 3, 1)
        x = torch.where(how < sharp, x, soft)
    for cell, most in ((1, 0.08), (4, 0.12)):
        x = x + between(dice, 0, most, n, 1, 1, 1) * coarse_noise(dice, n, 3, cell, (SIDE, SIDE))
    return x


def taught(steps: int = STEPS, path: Path = WORK / "judge-glass.pt") -> Glass:
    """The glass, trained now where it was not yet; the same from the same seeds."""
    torch.manual_seed(0)
    glass = Glass().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def ready() -> Callable[[torch.Generator], tuple[torch.Tensor, float]]:
        frames, marks, notes = stills()
        where = windows(torch.from_numpy(marks).float())
        truth = torch.tensor([NAMES.index(note["kind"]) for note in notes])

        def one(dice: torch.Generator) -> tuple[torch.Tensor, float]:
            picks = torch.randint(len(frames), (BATCH,), generator=dice)
            x = torch.from_numpy(frames[picks.numpy()]).permute(0, 3, 1, 2).float() / 127.5 - 1
            x = _disturbed(x, where[picks], dice).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=half_precision()):
                scores = glass(x)
            loss = functional.cross_entropy(scores, truth[picks], label_smoothing=0.03)
            return loss, float((scores.argmax(1) == truth[picks]).float().mean())

        return one

    teach(glass, steps, RATE, path, ready)
    return glass.eval()


@torch.no_grad()
def kinds(glass: Glass, frames: np.ndarray, figure: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of NAMES (N, 9), of uint8 frames (N, 96, 160, 3) and their figure maps (N, 12, 20) in 0..1."""
    x = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 127.5 - 1
    scores: torch.Tensor = glass(cut_out(x, windows(figure))).log_softmax(1)
    return scores
