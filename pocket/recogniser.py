"""An independent judge of likeness: a small classifier that names the unseen characters in one frame.

It has only ever seen drawn frames: each of the characters of ``pocket.characters`` in random places,
lights, sizes and actions, and as many frames of other puppets, which it must call "nobody".
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pocket.characters import CHARACTERS
from pocket.workplace import WORK, half_precision, load, save
from pocket.world import render, sample_shot

NOBODY = len(CHARACTERS)
NAMES = (*CHARACTERS, "nobody")
EACH = 160  # drawn frames of every character
OTHERS = 1600
HELD_OUT = 0.1


class Recogniser(nn.Module):
    """Frames (B, 3, 96, 160) in -1..1 to scores (B, characters + 1)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 32, 48, 64, 96, 128)
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU()]
            layers += [nn.Conv2d(b, b, 3, 1, 1), nn.BatchNorm2d(b), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(128, len(NAMES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.body(x).amax((2, 3)))
        return scores


def _drawn(seed: int, each: int, others: int) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 frames (N, 3, 96, 160) and their class numbers."""
    rng = np.random.default_rng([8, seed])
    frames, truth = [], []
    for number, (puppet, _) in enumerate([*CHARACTERS.values(), (None, "")]):
        for _ in range(each if puppet else others):
            shot = sample_shot(rng, strangers=0.6, pairs=0.0 if puppet else 0.08)
            if puppet:
                shot = replace(shot, players=(replace(shot.players[0], puppet=puppet),))
            frames.append(render(shot, 1, start=float(rng.uniform(0, 2)))[0])
            truth.append(number)
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2), torch.tensor(truth)


def taught(steps: int = 1400) -> tuple[Recogniser, float]:
    """The recogniser and its accuracy on drawn frames kept from it; trained now where it was not yet."""
    judge, path = Recogniser(), WORK / "recogniser.pt"
    state = load(path)
    if state:
        judge.load_state_dict(state["judge"])
        return judge.eval(), float(state["accuracy"])
    frames, truth = _drawn(0, EACH, OTHERS)
    optimiser = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=1e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    dice = torch.Generator().manual_seed(0)
    for _ in range(steps):
        picks = torch.randint(len(frames), (48,), generator=dice)
        x = frames[picks].float() / 127.5 - 1
        if torch.rand((), generator=dice) < 0.5:  # painted frames are softer than drawn ones
            x = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), "replicate"), 3, 1)
        x = x + 0.06 * torch.randn(x.shape, generator=dice)
        with torch.autocast("cpu", torch.bfloat16, enabled=half_precision()):
            scores = judge(x)
        loss = functional.cross_entropy(scores.float(), truth[picks])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        plan.step()
    judge.eval()
    frames, truth = _drawn(1, int(EACH * HELD_OUT), int(OTHERS * HELD_OUT))
    accuracy = float((named(judge, frames.permute(0, 2, 3, 1).numpy()) == truth.numpy()).mean())
    save({"judge": judge.state_dict(), "accuracy": accuracy}, path)
    return judge, accuracy


@torch.no_grad()
def named(judge: Recogniser, frames: np.ndarray) -> np.ndarray:
    """Class numbers (N,) of uint8 frames (N, 96, 160, 3)."""
    x = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
    numbers: np.ndarray = torch.cat([judge(part).argmax(1) for part in x.split(64)]).numpy()
    return numbers
