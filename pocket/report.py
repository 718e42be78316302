"""Measures the shipped folder on clips and prompts it never saw; writes figures and a sheet.

python -m pocket.report judges            # teaches and examines the judges: .pocket/judges.json
python -m pocket.report                   # the rest too: .pocket/report.json, report.png, and wrong.png
python -m pocket.report --prompts 60
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

import numpy as np
import torch
from diffusers import AutoencoderKLWan, WanImageToVideoPipeline, WanPipeline
from PIL import Image

from pocket.caption import ACTION_WORDS, CAMERA_WORDS, LIGHT_WORDS, PLACE_WORDS, called
from pocket.cast import KINDS
from pocket.characters import CHARACTERS, photo
from pocket.draw import clips as draw_clips
from pocket.draw import stills as draw_stills
from pocket.judge import Judge, own_accuracy, taught, walking_accuracy
from pocket.judge_material import REPAINTED, exam, repainted, walkers
from pocket.motion import MotionJudge
from pocket.motion import taught as taught_motion
from pocket.palette import COLOURS
from pocket.places import PLACES
from pocket.stagelight import LIGHTS
from pocket.text_model import MAX_LENGTH
from pocket.vae_model import to_pixels
from pocket.workplace import WEIGHTS, WORK

STEPS, GUIDANCE = 14, 3.5
KEPT = 2  # shards of drawn clips that the VAE was not taught on
SIDE = {
    "height": 96,
    "width": 160,
    "num_inference_steps": STEPS,
    "max_sequence_length": MAX_LENGTH,
    "output_type": "np",
}


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Decibels between two uint8 arrays."""
    mse = float(np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2))
    return 99.0 if mse == 0 else 10 * float(np.log10(255**2 / mse))


@torch.inference_mode()
def rebuilt(vae: AutoencoderKLWan, frames: np.ndarray) -> np.ndarray:
    """(T, H, W, 3) through the VAE and back."""
    x = to_pixels(torch.from_numpy(frames)[None])
    y = vae.decode(vae.encode(x).latent_dist.mode()).sample[0].permute(1, 2, 3, 0)
    return ((y.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()


def vae_figures(vae: AutoencoderKLWan) -> dict[str, float]:
    """PSNR of held-out clips, stills and photos of unseen characters."""
    clips = np.concatenate([np.load(WORK / "clips" / f"{n:04d}.npy") for n in range(KEPT)])
    stills = np.load(WORK / "stills" / "0000.npy")[:40]
    photos = [photo(name, k, 1)[0] for name in CHARACTERS for k in (0, 1, 2)]
    return {
        "clips": float(np.mean([psnr(c, rebuilt(vae, c)) for c in clips])),
        "stills": float(np.mean([psnr(s, rebuilt(vae, s[None])[0]) for s in stills])),
        "unseen characters": float(np.mean([psnr(p, rebuilt(vae, p[None])[0]) for p in photos])),
    }


def _prompts(count: int) -> list[tuple[str, dict[str, str]]]:
    """Prompts in one wording each, with what was asked."""
    rng = np.random.default_rng(77)
    out = []
    for i in range(count):
        kind, colour = KINDS[i % len(KINDS)], list(COLOURS)[int(rng.integers(len(COLOURS)))]
        place = [p for p in PLACES if p != "sea"][int(rng.integers(len(PLACES) - 1))]
        light = LIGHTS[int(rng.integers(3))]
        walks = i % 2 == 0
        action = ("walk left", "walk right")[int(rng.integers(2))] if walks else "stand"
        camera = "static" if walks else list(CAMERA_WORDS)[int(rng.integers(6))]
        asked = {"kind": kind, "colour": colour, "place": place, "light": light}
        asked |= {"walk": action} if walks else {"camera": camera}
        out.append(
            (
                f"{called(kind, colour)} {ACTION_WORDS[action][0]}, full shot, {CAMERA_WORDS[camera][0]}, "
                f"{PLACE_WORDS[place][0]} {LIGHT_WORDS[light][0]}, paper cut-out animation",
                asked,
            )
        )
    return out


def _frames(pipe: WanPipeline | WanImageToVideoPipeline, seed: int, **kw: object) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    out = pipe(num_frames=17, guidance_scale=GUIDANCE, generator=generator, **SIDE, **kw).frames[0]
    frames: np.ndarray = (np.clip(out, 0, 1) * 255).round().astype(np.uint8)
    return frames


def judged_judges(judge: Judge, vae: AutoencoderKLWan) -> dict[str, object]:
    """How often the judges are right on drawn clips kept from them, as drawn and through the VAE; read where known."""
    path = WORK / "judges.json"
    if not path.exists():
        figures = {
            "drawn": own_accuracy(judge, exam()) | {"walk": walking_accuracy(judge, walkers())},
            "drawn, through the VAE": own_accuracy(judge, repainted(vae, exam(REPAINTED))),
        }
        path.write_text(json.dumps(figures, indent=2))
    known: dict[str, object] = json.loads(path.read_text())
    return known


def followed(
    judge: Judge, pipe: WanPipeline, motion: MotionJudge, count: int
) -> tuple[dict[str, object], list[np.ndarray], list[np.ndarray]]:
    """Figures of what was asked and seen, a strip of three frames of every clip, and of those that a judge faults."""
    right: dict[str, list[bool]] = {}
    moving, seconds, faults = [], [], []
    strips, wrong = [], []
    for seed, (prompt, asked) in enumerate(_prompts(count)):
        start = time.monotonic()
        frames = _frames(pipe, seed, prompt=prompt)
        seconds.append(time.monotonic() - start)
        told = judge.verdict(frames)
        moving.append(motion.verdict(frames))
        for question, value in asked.items():
            right.setdefault(question, []).append(told[question] == value)
        strips.append(np.hstack([frames[0], frames[8], frames[16]]))
        missed = {q: f"{told[q]}, asked {v}" for q, v in asked.items() if told[q] != v}
        if missed:
            wrong.append(np.hstack([frames[n] for n in (0, 4, 8, 12, 16)]))
            faults.append({"prompt": prompt, "seed": seed} | missed)
    return (
        {
            "prompt followed": {q: (float(np.mean(v)), len(v)) for q, v in right.items()},
            "motion": {v: moving.count(v) / len(moving) for v in ("moves", "frozen", "torn")},
            "seconds a clip": float(np.median(seconds)),
            "faulted, row by row of wrong.png": faults,
        },
        strips,
        wrong,
    )


def start_kept(pipe: WanPipeline, clips: list[np.ndarray]) -> float:
    """Mean PSNR of the first frame against the start frame that was given, over drawn clips (T, H, W, 3)."""
    still = WanImageToVideoPipeline(
        **{k: v for k, v in pipe.components.items() if k not in ("image_encoder", "image_processor")},
        image_encoder=None,
        image_processor=None,
        expand_timesteps=True,
    )
    still.set_progress_bar_config(disable=True)
    started = []
    for seed, clip in enumerate(clips):
        frames = _frames(
            still, seed, prompt="a puppet, paper cut-out animation", image=Image.fromarray(clip[0])
        )
        started.append(psnr(frames[0], clip[0]))
    return float(np.mean(started))


def main() -> None:
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("all", "judges"), default="all")
    parser.add_argument("--prompts", type=int, default=48)
    given = parser.parse_args()
    pipe = WanPipeline.from_pretrained(WEIGHTS, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    judge = taught()
    report: dict[str, object] = {"judges": judged_judges(judge, pipe.vae)}
    if given.what == "judges":
        print(json.dumps(report, indent=2))
        return
    for number in range(KEPT + 4):
        draw_clips(number)
    draw_stills(0)
    report["vae psnr"] = vae_figures(pipe.vae)
    drawn = [np.load(WORK / "clips" / f"{n:04d}.npy") for n in range(KEPT + 4)]
    kept = np.concatenate(drawn[:KEPT])
    motion = taught_motion(np.concatenate(drawn[KEPT:]), kept)
    report["judge of motion on drawn clips"] = motion.accuracy
    figures, strips, wrong = followed(judge, pipe, motion, given.prompts)
    report |= figures
    report["image to video, first frame psnr"] = start_kept(pipe, [clip for clip, _ in exam(6)])
    rows = [np.hstack(strips[i : i + 2]) for i in range(0, len(strips) - 1, 2)]
    Image.fromarray(np.vstack(rows)).save(WORK / "report.png")
    if wrong:
        Image.fromarray(np.vstack(wrong)).save(WORK / "wrong.png")
    (WORK / "report.json").write_text(json.dumps(report, indent=2))
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
