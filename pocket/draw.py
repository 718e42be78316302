"""Draws the training material ahead of training, into shards that any process can pick up.

A clip shard holds ``frames`` uint8 (n, 17, 96, 160, 3), 25 frames where it is a long one; what each
shot shows stands beside it as JSON. A still shard holds ``frames`` uint8 (n, 96, 160, 3). Shards are seeded by
their number: the same number is always the same shard.

    python -m pocket.draw clips 0 60      # shards 0..59
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pocket.caption import caption
from pocket.variety import variety
from pocket.workplace import WORK
from pocket.world import Shot, render, sample_shot

CLIPS_IN_SHARD = 20
STILLS_IN_SHARD = 100
CLIP_FRAMES, LONG_FRAMES = 17, 25
CAPTIONS_PER_CLIP = 6


def _write(path: Path, frames: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npy")
    np.save(part, frames)
    part.replace(path)


def describe(shot: Shot, rng: np.random.Generator, still: bool) -> dict[str, object]:
    """Captions (several wordings) and the labels the evaluation wants."""
    lead = shot.players[0]
    return {
        "captions": [caption(shot, rng, still) for _ in range(CAPTIONS_PER_CLIP)],
        "kind": lead.kind,
        "colour": lead.colour,
        "action": lead.action,
        "place": shot.place,
        "light": shot.light,
        "weather": shot.weather,
        "camera": shot.camera,
        "size": shot.size,
        "players": len(shot.players),
    }


_OPPOSITE = {
    "walk left": "walk right",
    "walk right": "walk left",
    "pan left": "pan right",
    "pan right": "pan left",
}


def opposite(shot: Shot) -> Shot | None:
    """The same shot, but walking or panning the other way; None where it has no direction, or two of them."""
    (player, *others) = shot.players
    walks, pans = player.action in _OPPOSITE, shot.camera in _OPPOSITE
    if others or walks == pans:
        return None
    if pans:
        return replace(shot, camera=_OPPOSITE[shot.camera])
    return replace(shot, players=(replace(player, action=_OPPOSITE[player.action]),))


def shots(kind: str, number: int) -> Iterator[tuple[Shot, int, float]]:
    """What a shard of the world shows: the shot, its frames, and when it starts, in seconds.

    Of twins, each shot with a direction is followed by its opposite.
    """
    rng = np.random.default_rng([{"clips": 1, "stills": 2, "longs": 7, "twins": 8}[kind], number])
    if kind == "twins":
        left = CLIPS_IN_SHARD // 2
        while left:
            shot = sample_shot(rng, strangers=0.2)
            other = opposite(shot)
            if other is not None:
                yield shot, CLIP_FRAMES, 0.0
                yield other, CLIP_FRAMES, 0.0
                left -= 1
    elif kind == "stills":
        for _ in range(STILLS_IN_SHARD):
            shot = sample_shot(rng, strangers=0.5)
            yield shot, 1, float(rng.uniform(0, 2))
    else:
        for _ in range(CLIPS_IN_SHARD):
            yield sample_shot(rng), CLIP_FRAMES if kind == "clips" else LONG_FRAMES, 0.0


def clips(number: int, kind: str = "clips") -> None:
    """World clips with captions."""
    path = WORK / kind / f"{number:04d}.npy"
    if path.exists():
        return
    drawn, notes = [], []
    for shot, frames, _ in shots(kind, number):
        drawn.append(render(shot, frames))
        # twins are told in the same words, but for the one that tells them apart
        words = len(notes) // 2 if kind == "twins" else len(notes)
        notes.append(describe(shot, np.random.default_rng([5, number, words]), still=False))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(notes))
    _write(path, np.stack(drawn))


def longs(number: int) -> None:
    """World clips of three seconds, the longest that pocket is asked for."""
    clips(number, "longs")


def twins(number: int) -> None:
    """World clips two by two, alike but for left and right: what those two words mean."""
    clips(number, "twins")


def stills(number: int) -> None:
    """World stills at any moment of the action: what photos of a character look like."""
    path = WORK / "stills" / f"{number:04d}.npy"
    if path.exists():
        return
    frames, notes = [], []
    for shot, _, start in shots("stills", number):
        frames.append(render(shot, 1, start=start)[0])
        notes.append(describe(shot, np.random.default_rng([6, number, len(notes)]), still=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(notes))
    _write(path, np.stack(frames))


def pictures(number: int) -> None:
    """Variety stills for the VAE."""
    path = WORK / "pictures" / f"{number:04d}.npy"
    if path.exists():
        return
    rng = np.random.default_rng([3, number])
    _write(path, np.stack([variety(rng, 1)[0] for _ in range(STILLS_IN_SHARD)]))


def drifts(number: int) -> None:
    """Variety clips of 9 frames for the VAE."""
    path = WORK / "drifts" / f"{number:04d}.npy"
    if path.exists():
        return
    rng = np.random.default_rng([4, number])
    _write(path, np.stack([variety(rng, 9) for _ in range(CLIPS_IN_SHARD)]))


def main() -> None:
    what, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    step = {
        "clips": clips,
        "stills": stills,
        "longs": longs,
        "twins": twins,
        "pictures": pictures,
        "drifts": drifts,
    }[what]
    for number in range(first, last):
        step(number)


if __name__ == "__main__":
    main()
