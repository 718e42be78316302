"""Teaches the small embedder of likeness: which drawings show one puppet, whatever the place, the light and the size.

Every puppet is a one-off or one of the eight kinds in a colour, drawn several times; the unseen characters are never
among them. In a batch each puppet stands twice, and is to be nearer to itself than to all others (InfoNCE).

    python -m pocket.train_embedder            # some minutes on one core; writes the weights into the package
    python -m pocket.train_embedder report     # how well it tells the unseen characters apart
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional

from filmforge.lora.shipped_embedder import ShippedEmbedder, shipped_embedder, weights_file
from pocket.cast import KINDS, kind_puppet, stranger
from pocket.characters import CHARACTERS, photo
from pocket.palette import COLOURS, vary
from pocket.puppet import Puppet
from pocket.workplace import WORK, half_precision, load, save
from pocket.world import Player, render, sample_shot

PUPPETS, VIEWS = 900, 4
KINDS_SHARE = 0.15
BATCH, STEPS, RATE = 64, 500, 3e-3
WARMTH = 0.08
UNSEEN = list(CHARACTERS)[:12]


def drawing(rng: np.random.Generator, puppet: Puppet) -> np.ndarray:
    """One frame (96, 160, 3) of a puppet alone, anywhere in the world."""
    shot = sample_shot(rng, pairs=0.0)
    player: Player = replace(shot.players[0], puppet=puppet)
    return render(replace(shot, players=(player,)), 1, start=float(rng.uniform(0, 2)))[0]


def small(frames: np.ndarray) -> torch.Tensor:
    """uint8 frames (N, 96, 160, 3) as what the embedder looks at: uint8 (N, 3, 48, 80)."""
    x = torch.from_numpy(frames).permute(0, 3, 1, 2)
    return torch.cat([functional.avg_pool2d(part.float(), 2).round().byte() for part in x.split(64)])


def drawings() -> torch.Tensor:
    """uint8 frames (puppets, views, 3, 48, 80); drawn now where they were not yet."""
    path = WORK / "puppets.npy"
    if not path.exists():
        frames = np.empty((PUPPETS, VIEWS, 96, 160, 3), np.uint8)
        for number in range(PUPPETS):
            rng = np.random.default_rng([12, number])
            puppet = stranger(rng)
            if rng.random() < KINDS_SHARE:
                colour = list(COLOURS.values())[int(rng.integers(len(COLOURS)))]
                puppet = kind_puppet(KINDS[int(rng.integers(len(KINDS)))], vary(rng, colour, 8))
            for view in range(VIEWS):
                frames[number, view] = drawing(rng, puppet)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path.with_suffix(".part.npy"), frames)
        path.with_suffix(".part.npy").replace(path)
    frames = np.load(path)
    return small(frames.reshape(-1, 96, 160, 3)).unflatten(0, (-1, VIEWS))


def disturbed(frames: torch.Tensor, dice: torch.Generator) -> torch.Tensor:
    """uint8 frames to -1..1, some softened, mirrored and tinted, and all grainy: painted frames are, drawn ones not."""
    x = frames.float() / 127.5 - 1
    each = (len(x), 1, 1, 1)
    softer = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), "replicate"), 3, 1)
    x = torch.where(torch.rand(each, generator=dice) < 0.4, softer, x)
    x = torch.where(torch.rand(each, generator=dice) < 0.5, x.flip(-1), x)
    gain = 1 + 0.1 * torch.randn((len(x), 3, 1, 1), generator=dice)
    x = x * gain + 0.06 * torch.randn((len(x), 3, 1, 1), generator=dice)
    return x + 0.05 * torch.randn(x.shape, generator=dice)


def taught(steps: int = STEPS) -> ShippedEmbedder:
    """The embedder, trained from where an earlier run left off."""
    torch.manual_seed(0)
    embedder, path = ShippedEmbedder(), WORK / "embedder.pt"
    frames = drawings()
    optimiser = torch.optim.AdamW(embedder.parameters(), RATE, weight_decay=2e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    dice, first = torch.Generator().manual_seed(0), 0
    if state := load(path):
        embedder.load_state_dict(state["embedder"])
        optimiser.load_state_dict(state["optimiser"])
        plan.load_state_dict(state["plan"])
        dice.set_state(state["dice"])
        first = state["step"]
    began = time.monotonic()
    for step in range(first, steps):
        who = torch.randperm(len(frames), generator=dice)[:BATCH]
        views = torch.stack([torch.randperm(VIEWS, generator=dice)[:2] for _ in who])
        both = torch.cat([frames[who, views[:, 0]], frames[who, views[:, 1]]])
        with torch.autocast("cpu", torch.bfloat16, enabled=half_precision()):
            points = embedder(disturbed(both, dice))
        points = functional.normalize(points.float(), dim=-1)
        near = points @ points.T / WARMTH
        near = near.masked_fill(torch.eye(len(near), dtype=torch.bool), -torch.inf)
        loss = functional.cross_entropy(near, torch.arange(len(near)).roll(BATCH))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        plan.step()
        if step % 50 == 49 or step + 1 == steps:
            right = float((near.argmax(1) == torch.arange(len(near)).roll(BATCH)).float().mean())
            print(
                f"{step + 1} loss {loss:.3f} right {right:.2f} {time.monotonic() - began:.0f} s", flush=True
            )
            state = {"embedder": embedder.state_dict(), "optimiser": optimiser.state_dict()}
            save(state | {"plan": plan.state_dict(), "dice": dice.get_state(), "step": step + 1}, path)
    return embedder.eval()


@torch.no_grad()
def points_of(embedder: ShippedEmbedder, frames: np.ndarray) -> torch.Tensor:
    """Vectors (N, 64) of uint8 frames (N, 96, 160, 3)."""
    x = small(frames).float() / 127.5 - 1
    return torch.cat([embedder(part) for part in x.split(64)])


def area_under(same: torch.Tensor, different: torch.Tensor) -> float:
    """The chance that a pair of one puppet is nearer than a pair of two: the area under the ROC curve."""
    values, order = torch.cat([same, different]).sort()
    rank = torch.empty(len(values))
    rank[order] = torch.arange(1.0, len(values) + 1)
    return float((rank[: len(same)].sum() - len(same) * (len(same) + 1) / 2) / (len(same) * len(different)))


def report(embedder: ShippedEmbedder, each: int = 40) -> dict[str, float]:
    """On characters and drawings that it never saw: pairs told apart, and characters named from sixteen photos."""
    albums = [points_of(embedder, np.stack([photo(n, k, 1)[0] for k in range(16)])) for n in UNSEEN]
    rng = np.random.default_rng([13, 0])
    drawn = [np.stack([drawing(rng, CHARACTERS[n][0]) for _ in range(each)]) for n in UNSEEN]
    points = torch.cat([points_of(embedder, one) for one in drawn])
    truth = torch.arange(len(UNSEEN)).repeat_interleave(each)
    near, alike = points @ points.T, truth[:, None] == truth[None]
    upper = torch.ones_like(alike).triu(1)
    centres = functional.normalize(torch.stack([one.mean(0) for one in albums]), dim=-1)
    to_album = points @ centres.T
    mine = torch.nn.functional.one_hot(truth, len(UNSEEN)).bool()
    return {
        "ROC-AUC, pairs of drawings": area_under(near[alike & upper], near[~alike & upper]),
        "ROC-AUC, a drawing against sixteen photos": area_under(to_album[mine], to_album[~mine]),
        "named among twelve": float((to_album.argmax(1) == truth).float().mean()),
        "mean nearness to the own photos": float(to_album[mine].mean()),
        "mean nearness to another's": float(to_album[~mine].mean()),
    }


def main() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    if sys.argv[1:] == ["report"]:
        print(report(shipped_embedder()))
        return
    embedder = taught()
    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in embedder.state_dict().items()
    }
    save_file(state, weights_file())
    weights_file().chmod(0o644)
    print(report(shipped_embedder()))


if __name__ == "__main__":
    main()
