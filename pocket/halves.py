"""Who stands in which half of a picture: a judge of shots with two characters.

It has only ever seen drawn pairs: the two leads, each alone and beside each other, strangers, nobody, and **melted**
ones, puppets of both leads' parts, which it must not take for either.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from pocket.characters import CHARACTERS, LEADS
from pocket.namer import Namer, named, teach
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


def taught() -> tuple[Namer, float]:
    """The judge of half pictures (96x80) and its accuracy on drawn ones kept from it; taught now where it was not yet."""
    judge, path = Namer((24, 32, 48, 64, 96), NEITHER + 1), WORK / "halves.pt"
    state = load(path)
    if state:
        judge.load_state_dict(state["judge"])
        return judge.eval(), float(state["accuracy"])
    teach(judge, *_drawn(0, DRAWN), STEPS, softened=0.6)
    halves, truth = _drawn(1, HELD_OUT)
    accuracy = float((named(judge, halves) == truth.numpy()).mean())
    save({"judge": judge.state_dict(), "accuracy": accuracy}, path)
    return judge, accuracy


def standing(judge: Namer, frames: np.ndarray) -> np.ndarray:
    """Who stands left and who right, (N, 2), in uint8 frames (N, 96, 160, 3)."""
    x = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
    half = WIDTH // 2
    return np.stack([named(judge, x[..., :half]), named(judge, x[..., half:])], 1)
