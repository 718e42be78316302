"""An independent judge of likeness: a small classifier that names the unseen characters in one frame.

It has only ever seen drawn frames: each of the characters of ``pocket.characters`` in random places,
lights, sizes and actions, and as many frames of other puppets, which it must call "nobody".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from pocket.characters import CHARACTERS
from pocket.namer import Namer, named, teach
from pocket.workplace import WORK, load, save
from pocket.world import render, sample_shot

NOBODY = len(CHARACTERS)
NAMES = (*CHARACTERS, "nobody")
EACH = 160  # drawn frames of every character
OTHERS = 1600
HELD_OUT = 0.1


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


def taught(steps: int = 1400) -> tuple[Namer, float]:
    """The recogniser and its accuracy on drawn frames kept from it; trained now where it was not yet."""
    judge, path = Namer((32, 48, 64, 96, 128), len(NAMES)), WORK / "recogniser.pt"
    state = load(path)
    if state:
        judge.load_state_dict(state["judge"])
        return judge.eval(), float(state["accuracy"])
    teach(judge, *_drawn(0, EACH, OTHERS), steps, softened=0.5)
    frames, truth = _drawn(1, int(EACH * HELD_OUT), int(OTHERS * HELD_OUT))
    accuracy = float((named(judge, frames) == truth.numpy()).mean())
    save({"judge": judge.state_dict(), "accuracy": accuracy}, path)
    return judge, accuracy
