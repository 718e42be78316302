"""What the judges are taught on and examined in: drawings of the world, from seeds that no painter's material uses.

Stills and moments teach; the exam is kept from every judge. Shot sizes, kinds and camera moves come equally often, so
that no judge does well by knowing the common ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLWan

from pocket.action import FPS
from pocket.camera import MOVES, SIZES
from pocket.cast import KINDS, kind_puppet
from pocket.palette import COLOURS, vary
from pocket.vae_model import decode_whole, encode_whole, quickened, to_pixels
from pocket.workplace import WORK, half_precision
from pocket.world import Shot, figures, render, sample_shot

Note = dict[str, str]

STILLS, MOMENTS, EXAM, WALKERS = 9000, 480, 384, 144
REPAINTED = 192  # clips of the exam that go through the VAE: every size with every kind and every move
STRANGERS = 0.12  # one-off puppets among the stills: what is none of the kinds
FRAMES, EVERY_OTHER = 17, 2


def sample(rng: np.random.Generator, number: int, strangers: float) -> Shot:
    """A shot of one puppet; ``number`` counts through sizes, kinds and moves."""
    shot = sample_shot(rng, strangers, pairs=0.0)
    size, kind, move = SIZES[number % 4], KINDS[number // 4 % 8], MOVES[number // 32 % 6]
    player = shot.players[0]
    if player.kind != "stranger":
        puppet = kind_puppet(kind, vary(rng, COLOURS[player.colour], 8))
        player = replace(player, kind=kind, puppet=puppet)
    if size in ("medium", "close"):  # near figures stand nearer to the middle, as in sample_shot
        player = replace(player, mark=80 + float(rng.uniform(-5, 5)))
    return replace(shot, players=(player,), size=size, camera=move)


def labels(shot: Shot) -> Note:
    """What is true of a shot, by question."""
    player = shot.players[0]
    return {
        "kind": player.kind,
        "colour": player.colour,
        "action": player.action,
        "place": shot.place,
        "light": shot.light,
        "weather": shot.weather,
        "camera": shot.camera,
        "size": shot.size,
    }


def _drawings(shot: Shot, every: int) -> np.ndarray:
    """Every so-manieth drawing of a clip, uint8 (n, 96, 160, 3)."""
    return np.concatenate([render(shot, 1, start=d / FPS) for d in range(0, FRAMES, every)])


def _kept(path: Path) -> list[Note] | None:
    if not path.with_suffix(".json").exists():
        return None
    notes: list[Note] = json.loads(path.with_suffix(".json").read_text())
    return notes


def stills() -> tuple[np.ndarray, np.ndarray, list[Note]]:
    """uint8 frames (N, 96, 160, 3), where their figures stand (N, 12, 20) bool, and labels; drawn once."""
    path, marks_path = WORK / "judge-stills.npy", WORK / "judge-marks.npy"
    notes = _kept(path)
    if notes is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        frames = np.lib.format.open_memmap(path, "w+", np.uint8, (STILLS, 96, 160, 3))
        marks, notes = np.zeros((STILLS, 12, 20), bool), []
        for number in range(STILLS):
            rng = np.random.default_rng([20, number])
            shot, start = sample(rng, number, STRANGERS), float(rng.uniform(0, 2))
            frames[number] = render(shot, 1, start=start)[0]
            marks[number] = figures(shot, 1, start)[0]
            notes.append(labels(shot))
        frames.flush()
        np.save(marks_path, marks)
        path.with_suffix(".json").write_text(json.dumps(notes))
    return np.load(path, mmap_mode="r"), np.load(marks_path), notes


def moments(every: int, count: int = MOMENTS) -> Iterator[tuple[np.ndarray, Note]]:
    """Every so-manieth drawing of clips to teach the camera's judge, uint8 (n, 96, 160, 3), and labels."""
    for number in range(count):
        shot = sample(np.random.default_rng([22, number]), number, 2 * STRANGERS)
        yield _drawings(shot, every), labels(shot)


def exam(count: int = EXAM, every: int = 1) -> Iterator[tuple[np.ndarray, Note]]:
    """Clips of the eight kinds, uint8 (17, 96, 160, 3), and labels; of ``count`` only the first of each ``every``."""
    for number in range(0, count, every):
        shot = sample(np.random.default_rng([21, number]), number, 0.0)
        yield render(shot, FRAMES), labels(shot)


@torch.inference_mode()
def repainted(
    vae: AutoencoderKLWan, clips: Iterator[tuple[np.ndarray, Note]]
) -> Iterator[tuple[np.ndarray, Note]]:
    """The same clips through a VAE and back: as soft as painted ones."""
    for frames, note in clips:
        with quickened(vae), torch.autocast("cpu", torch.bfloat16, enabled=half_precision()):
            latents = encode_whole(vae, to_pixels(torch.from_numpy(frames)[None]))
            pixels = decode_whole(vae, latents)[0].float().permute(1, 2, 3, 0)
        yield ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().numpy(), note


def walkers(count: int = WALKERS) -> Iterator[tuple[np.ndarray, Note]]:
    """Every other drawing, uint8 (9, 96, 160, 3), under a static camera; a third each walk left, right, or do not."""
    for number in range(count):
        rng = np.random.default_rng([23, number])
        shot = replace(sample(rng, number, 0.0), camera="static")
        player = shot.players[0]
        if number % 3 < 2:
            way = ("walk left", "walk right")[number % 3]
            shot = replace(
                shot,
                players=(replace(player, action=way),),
                place="path" if shot.place == "sea" else shot.place,
            )
        elif player.action.startswith("walk"):
            shot = replace(shot, players=(replace(player, action="sway"),))
        yield _drawings(shot, EVERY_OTHER), labels(shot)
