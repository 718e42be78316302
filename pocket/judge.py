"""An independent judge: a small classifier that has only ever seen drawn frames.

It names subject kind, colour, place and light of three frames, and the direction of walking and
the camera's move between them. Its own accuracy on drawn clips it never saw is printed with every
verdict; a judge below 97 % on a question is not much of a judge of it.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pocket.camera import MOVES
from pocket.cast import KINDS
from pocket.palette import COLOURS
from pocket.places import PLACES
from pocket.stagelight import LIGHTS
from pocket.workplace import WORK, load, save

QUESTIONS: dict[str, tuple[str, ...]] = {
    "kind": KINDS,
    "colour": tuple(COLOURS),
    "place": tuple(PLACES),
    "light": LIGHTS,
    "walk": ("walk left", "walk right"),
    "camera": MOVES,
}
MOMENTS = (0, 8, 16)
HELD_OUT = 2  # clip shards that neither the VAE nor the judge was taught on


class Judge(nn.Module):
    """Three frames (B, 9, 48, 80) in -1..1 to one score list a question."""

    def __init__(self) -> None:
        super().__init__()
        widths = (9, 32, 64, 96, 128)
        self.body = nn.Sequential(
            *[
                layer
                for a, b in pairwise(widths)
                for layer in (
                    nn.Conv2d(a, b, 3, 2, 1),
                    nn.BatchNorm2d(b),
                    nn.ReLU(),
                    nn.Conv2d(b, b, 3, 1, 1),
                    nn.BatchNorm2d(b),
                    nn.ReLU(),
                )
            ]
        )
        self.heads = nn.ModuleDict({q: nn.Linear(128 * 15, len(a)) for q, a in QUESTIONS.items()})

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        h = functional.dropout(self.body(x).flatten(1), 0.3, self.training)
        return {q: head(h) for q, head in self.heads.items()}


def look(frames: np.ndarray) -> torch.Tensor:
    """uint8 (B, 3, 96, 160, 3) to the judge's (B, 9, 48, 80)."""
    x = torch.from_numpy(frames).permute(0, 1, 4, 2, 3).flatten(1, 2).float() / 127.5 - 1
    return functional.avg_pool2d(x, 2)


def answers(notes: list[dict[str, object]]) -> dict[str, torch.Tensor]:
    """Class numbers; -1 where a question does not arise (strangers, pairs, no walking)."""
    out = {}
    for question, names in QUESTIONS.items():
        row = []
        for note in notes:
            value = note["action" if question == "walk" else question]
            alone = note["players"] == 1 or question in ("place", "light", "camera")
            row.append(names.index(str(value)) if alone and value in names else -1)
        out[question] = torch.tensor(row)
    return out


def _gather(kind: str, shards: range) -> tuple[torch.Tensor, list[dict[str, object]]]:
    frames, notes = [], []
    for number in shards:
        path = WORK / kind / f"{number:04d}.npy"
        if path.exists():
            array = np.load(path, mmap_mode="r")
            three = array[:, MOMENTS] if array.ndim == 5 else np.repeat(array[:, None], 3, 1)
            frames.append(look(np.array(three)))
            extra = json.loads(path.with_suffix(".json").read_text())
            if kind == "stills":  # one moment shows no movement: these questions do not arise
                extra = [n | {"camera": "", "action": ""} for n in extra]
            notes += extra
    return torch.cat(frames), notes


def taught(steps: int = 900, path: Path = WORK / "judge.pt") -> Judge:
    """The judge, trained now where it was not yet."""
    judge = Judge()
    state = load(path)
    if state:
        judge.load_state_dict(state["judge"])
        return judge.eval()
    clips, clip_notes = _gather("clips", range(HELD_OUT, 200))
    stills, still_notes = _gather("stills", range(1, 60))
    truth = {k: torch.cat([answers(clip_notes)[k], answers(still_notes)[k]]) for k in QUESTIONS}
    x = torch.cat([clips, stills])
    optimiser = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=1e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    dice = torch.Generator().manual_seed(0)
    for _ in range(steps):
        picks = torch.cat(
            [
                torch.randint(len(clips), (32,), generator=dice),
                torch.randint(len(clips), len(x), (32,), generator=dice),
            ]
        )
        seen = x[picks]
        if torch.rand((), generator=dice) < 0.5:  # painted frames are softer than drawn ones
            seen = functional.avg_pool2d(functional.pad(seen, (1, 1, 1, 1), "replicate"), 3, 1)
        seen = seen + 0.06 * torch.randn(seen.shape, generator=dice)
        scores = judge(seen)
        loss = sum(
            (
                functional.cross_entropy(scores[q], truth[q][picks], ignore_index=-1)
                for q in QUESTIONS
                if (truth[q][picks] >= 0).any()
            ),
            start=torch.zeros(()),
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        plan.step()
    save({"judge": judge.state_dict()}, path)
    return judge.eval()


@torch.no_grad()
def own_accuracy(judge: Judge) -> dict[str, tuple[float, int]]:
    """Share right and number asked, on drawn clips kept from everyone."""
    x, notes = _gather("clips", range(HELD_OUT))
    truth, scores = answers(notes), judge(x)
    out = {}
    for question in QUESTIONS:
        asked = truth[question] >= 0
        right = (scores[question].argmax(1) == truth[question])[asked]
        out[question] = (float(right.float().mean()) if len(right) else 0.0, len(right))
    return out


@torch.no_grad()
def verdict(judge: Judge, frames: np.ndarray) -> dict[str, str]:
    """What the judge sees in one clip, uint8 (17, 96, 160, 3)."""
    scores = judge(look(frames[None, list(MOMENTS)]))
    return {q: QUESTIONS[q][int(s.argmax())] for q, s in scores.items()}
