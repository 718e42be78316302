"""The eye of the judges: a small network that names what one frame shows, and where its figure stands.

It learns from drawn stills only, blurred, warped, tinted and grained at random as painted frames are; no model's
picture is ever among them. It marks the cells of the figure first and reads the colour there, so that a figure of thirty
pixels counts as much as one that fills the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pocket.eye_parts import Block, halved
from pocket.judge_material import stills
from pocket.palette import COLOURS
from pocket.places import PLACES
from pocket.softness import between, coarse_noise, softened
from pocket.stagelight import LIGHTS
from pocket.teaching import teach
from pocket.workplace import WORK, half_precision

ANSWERS: dict[str, tuple[str, ...]] = {
    "colour": tuple(COLOURS),
    "place": tuple(PLACES),
    "light": LIGHTS,
}
OF_FIGURE = ("colour",)
WIDTH = 80
BATCH, STEPS, RATE = 40, 400, 3e-3


class Eye(nn.Module):
    """Frames (B, 3, 96, 160) in -1..1 to scores by question (B, answers) and a figure map (B, 12, 20), both unscaled."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            halved(3, 32), halved(32, 48), Block(48), halved(48, WIDTH), Block(WIDTH), Block(WIDTH)
        )
        self.figure = nn.Conv2d(WIDTH, 1, 1)
        self.heads = nn.ModuleDict(
            {q: nn.Linear(WIDTH if q in OF_FIGURE else 2 * WIDTH, len(a)) for q, a in ANSWERS.items()}
        )

    def forward(self, x: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        cells = self.body(x).float()
        figure = self.figure(cells)[:, 0]
        share = torch.sigmoid(figure)
        share = share / share.sum((1, 2), keepdim=True).clamp_min(1e-3)
        near = (cells * share[:, None]).sum((2, 3))
        whole = torch.cat([cells.mean((2, 3)), cells.amax((2, 3))], 1)
        return {q: head(near if q in OF_FIGURE else whole) for q, head in self.heads.items()}, figure


def truth_of(notes: list[dict[str, str]]) -> dict[str, torch.Tensor]:
    """Class numbers by question; -1 where none of the answers is true (the colour of a one-off)."""
    return {
        q: torch.tensor([names.index(note[q]) if note[q] in names else -1 for note in notes])
        for q, names in ANSWERS.items()
    }


def as_painted(
    x: torch.Tensor, marks: torch.Tensor, dice: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames (B, 3, 96, 160) in -1..1 and figure marks (B, 12, 20), disturbed alike.

    Mirrored, grown or shrunk by up to a fifth, shifted, bent by some pixels, softened, tinted and grained.
    """
    n = len(x)

    grow = between(dice, 0.85, 1.18, n)
    mirror = torch.where(between(dice, 0, 1, n) < 0.5, -1.0, 1.0)
    affine = torch.zeros(n, 2, 3)
    affine[:, 0, 0], affine[:, 1, 1] = grow * mirror, grow
    affine[:, :, 2] = between(dice, -0.12, 0.12, n, 2)
    grid = functional.affine_grid(affine, [n, 3, 96, 160], align_corners=False)
    pixel = torch.tensor([2 / 160, 2 / 96]).view(1, 2, 1, 1)
    bend = pixel * between(dice, 0, 1.3, n, 1, 1, 1) * coarse_noise(dice, n, 2, 16)
    grid = grid + bend.permute(0, 2, 3, 1)
    x = functional.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    coarse = functional.affine_grid(affine, [n, 1, 12, 20], align_corners=False)
    here = functional.grid_sample(
        marks[:, None].float(), coarse, padding_mode="reflection", align_corners=False
    )
    x = x * between(dice, 0.9, 1.1, n, 3, 1, 1) + between(dice, -0.06, 0.06, n, 3, 1, 1)
    return softened(x, dice), here[:, 0]


def taught(steps: int = STEPS, path: Path = WORK / "judge-eye.pt") -> Eye:
    """The eye, trained now where it was not yet; the same from the same seeds."""
    torch.manual_seed(0)
    eye = Eye().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def ready() -> Callable[[torch.Generator], tuple[torch.Tensor, float]]:
        frames, marks, notes = stills()
        truth = truth_of(notes)

        def one(dice: torch.Generator) -> tuple[torch.Tensor, float]:
            picks = torch.randint(len(frames), (BATCH,), generator=dice)
            x = torch.from_numpy(frames[picks.numpy()]).permute(0, 3, 1, 2).float() / 127.5 - 1
            x, where = as_painted(x, torch.from_numpy(marks[picks.numpy()]), dice)
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=half_precision()):
                scores, figure = eye(x)
            loss = 2 * functional.binary_cross_entropy_with_logits(figure, where)
            for question, score in scores.items():
                known = truth[question][picks]
                loss = loss + functional.cross_entropy(score, known, ignore_index=-1, label_smoothing=0.03)
            return loss, float((scores["place"].argmax(1) == truth["place"][picks]).float().mean())

        return one

    teach(eye, steps, RATE, path, ready)
    return eye.eval()


@torch.no_grad()
def seen(eye: Eye, frames: np.ndarray) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Log-probabilities by question (N, answers) and figure maps (N, 12, 20) in 0..1, of uint8 frames (N, 96, 160, 3)."""
    parts = []
    for part in torch.from_numpy(np.ascontiguousarray(frames)).split(64):
        scores, figure = eye(part.permute(0, 3, 1, 2).float() / 127.5 - 1)
        parts.append(({q: s.log_softmax(1) for q, s in scores.items()}, figure.sigmoid()))
    return {q: torch.cat([p[0][q] for p in parts]) for q in ANSWERS}, torch.cat([p[1] for p in parts])
