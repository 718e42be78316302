"""What makes sampling quicker, and what it does to the picture: `python -m benchmarks.quicker`, on pocket.

Processor time of sampling, on one thread, against the same clips without; and the difference of their frames.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from filmforge.video_models import load_family
from filmforge.video_models.facts import facts_of
from filmforge.video_models.model import VideoModel
from filmforge.video_models.sampling import Frame
from filmforge.video_models.weights import find

PROMPTS = ("a girl in a red raincoat walks along a beach", "an old fisherman stands on a pier at night")
FRAMES, SEED = 17, 7
WAYS: Mapping[str, Mapping[str, Any]] = {
    **{f"first-block, threshold {t:g}": {"first_block_cache": t} for t in (0.05, 0.1, 0.2)},
    **{f"taylorseer, every {n}": {"taylorseer_cache": n} for n in (2, 3, 4)},
    "attention: math": {"attention": "math"},
    "compile: true": {"compiled": True},
}
WITHOUT_GUIDANCE: Mapping[str, Mapping[str, Any]] = {
    f"pyramid-attention, every {n}, at guidance 1": {"pyramid_attention": n} for n in (2, 3, 4)
}


def clip(model: VideoModel, prompt: str, settings: Mapping[str, Any], guidance: float) -> tuple[Frame, float]:
    """The frames of a clip, and the seconds of processor time that sampling took."""
    positive, negative = model.encode([prompt, "blurry"])
    facts = model.facts
    begun = time.process_time()
    with model.quickened(settings):
        latents = model.sample(
            positive=positive,
            negative=negative if guidance > 1 else None,
            frames=FRAMES,
            size=facts.size,
            steps=facts.steps,
            guidance=guidance,
            shift=facts.shift,
            seed=SEED,
            settings=settings,
        )
    return model.decode(latents), time.process_time() - begun


def decibels(one: Frame, other: Frame) -> float:
    """The PSNR of two clips; infinite where they are equal."""
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


def main() -> None:
    """Print a row for each way: processor time against none, and the PSNR for each prompt."""
    facts = facts_of("pocket")
    weights = find(facts, None, None, Path.cwd())
    model = load_family(facts, weights, precision=facts.precision, device="cpu", threads=1)
    for guidance, ways in ((facts.guidance, WAYS), (1.0, WITHOUT_GUIDANCE)):
        plain = {prompt: clip(model, prompt, {}, guidance) for prompt in PROMPTS}
        for name, settings in ways.items():
            if "compiled" in settings:
                clip(model, PROMPTS[0], settings, guidance)  # the compiling itself is not counted
            made = {prompt: clip(model, prompt, settings, guidance) for prompt in PROMPTS}
            ratios = [made[prompt][1] / plain[prompt][1] for prompt in PROMPTS]
            psnr = [decibels(made[prompt][0], plain[prompt][0]) for prompt in PROMPTS]
            print(
                f"| {name} | {np.mean(ratios):.2f} | {' and '.join(f'{db:.0f}' for db in psnr)} dB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
