"""Who stands in which half of a picture: a judge of shots with two characters.

It has only ever seen drawn pairs: the two leads, each alone and beside each other, strangers, nobody, and **melted**
ones, puppets of both leads' parts, which it must not take for either.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pocket.characters import CHARACTERS, LEADS
from pocket.puppet import Puppet
from pocket.workplace import WORK, load, save
from pocket.world import WIDTH, Player, render, sample_player, sample_shot

NEITHER = len(LEADS)
DRAWN, HELD_OUT, STEPS = 2200, 300, 1100
_MELTED = NEITHER + 1
_PARTS = (
    ("body", "pattern", "pattern_colour", "belly", "bib"),
    ("shape",),
    ("head", "skin", "muzzle", "hair", "beard", "ears"),
    ("hat", "hat_colour"),
    ("scarf", "scarf_stripe"),
)
_HEAD, _HAT = 2, 3


class Halves(nn.Module):
    """Half pictures (B, 3, 96, 80) in -1..1 to scores (B, leads + 1)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in pairwise((3, 24, 32, 48, 64, 96)):
            layers += [nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU()]
            layers += [nn.Conv2d(b, b, 3, 1, 1), nn.BatchNorm2d(b), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(96, NEITHER + 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.body(x).amax((2, 3)))
        return scores


def _melted(rng: np.random.Generator) -> Puppet:
    """A puppet of both leads' parts: never the head of the one with all else of its own."""
    leads = [CHARACTERS[name][0] for name in LEADS]
    while True:
        of = rng.integers(2, size=len(_PARTS))
        if of[_HEAD] != of[0] or of[_HAT] != of[0]:
            break
    parts = {
        name: getattr(leads[lead], name) for lead, names in zip(of, _PARTS, strict=True) for name in names
    }
    return replace(leads[0], **parts)


def _player(rng: np.random.Generator, place: str, mark: float, who: int) -> Player:
    player = sample_player(rng, place, 0.6, mark)
    if player.action.startswith("walk"):  # it would leave its half
        player = replace(player, action="sway")
    if who < NEITHER:
        return replace(player, puppet=CHARACTERS[LEADS[who]][0])
    return replace(player, puppet=_melted(rng)) if who == _MELTED else player


def _drawn(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 halves (2 * count, 3, 96, 80) and who stands in each."""
    rng = np.random.default_rng([77, seed])
    halves, truth = [], []
    while len(halves) < 2 * count:
        shot = sample_shot(rng, pairs=1.0)
        if len(shot.players) != len(LEADS):
            continue
        who = [int(rng.choice(4, p=[0.3, 0.3, 0.2, 0.2])) for _ in LEADS]
        gap = float(rng.uniform(13, 26)) - (3 if shot.size == "medium" else 0)
        middle = 80 + float(rng.uniform(-5, 5))
        players = [
            _player(rng, shot.place, middle + side * gap, one) for side, one in zip((-1, 1), who, strict=True)
        ]
        alone = rng.random()
        if alone < 0.24:
            kept = int(alone < 0.12)
            players, who[1 - kept] = [players[kept]], NEITHER
        shot = replace(shot, players=tuple(players), camera="static")
        frame = render(shot, 1, start=float(rng.uniform(0, 2)))[0]
        halves += [frame[:, : WIDTH // 2], frame[:, WIDTH // 2 :]]
        truth += [min(one, NEITHER) for one in who]
    return torch.from_numpy(np.stack(halves)).permute(0, 3, 1, 2), torch.tensor(truth)


def taught() -> tuple[Halves, float]:
    """The judge and its accuracy on drawn halves kept from it; taught now where it was not yet."""
    judge, path = Halves(), WORK / "halves.pt"
    state = load(path)
    if state:
        judge.load_state_dict(state["judge"])
        return judge.eval(), float(state["accuracy"])
    halves, truth = _drawn(0, DRAWN)
    optimiser = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=1e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=STEPS)
    dice = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        picks = torch.randint(len(halves), (48,), generator=dice)
        x = halves[picks].float() / 127.5 - 1
        if torch.rand((), generator=dice) < 0.6:  # painted frames are softer than drawn ones
            x = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), "replicate"), 3, 1)
        x = x + 0.06 * torch.randn(x.shape, generator=dice)
        loss = functional.cross_entropy(judge(x), truth[picks])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        plan.step()
    judge.eval()
    halves, truth = _drawn(1, HELD_OUT)
    with torch.no_grad():
        found = torch.cat([judge(part.float() / 127.5 - 1).argmax(1) for part in halves.split(64)])
    accuracy = float((found == truth).float().mean())
    save({"judge": judge.state_dict(), "accuracy": accuracy}, path)
    return judge, accuracy


@torch.no_grad()
def standing(judge: Halves, frames: np.ndarray) -> np.ndarray:
    """Who stands left and who right, (N, 2), in uint8 frames (N, 96, 160, 3)."""
    x = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 127.5 - 1
    half = WIDTH // 2
    left, right = (
        torch.cat([judge(part).argmax(1) for part in side.split(64)])
        for side in (x[..., :half], x[..., half:])
    )
    numbers: np.ndarray = torch.stack([left, right], 1).numpy()
    return numbers
