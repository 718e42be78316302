"""Makes the shipped weights from nothing: draw, VAE, latents, transformer, export; and the embedder of likeness.

    python -m pocket.make                 # some hours on two cores, minutes on one GPU
    python -m pocket.make --minutes 20    # a rough pocket, to see the recipe work

Every step resumes: what lies in ``.pocket/`` is not made twice.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from itertools import pairwise
from math import ceil

import numpy as np

from pocket.caption import caption
from pocket.pair import launch
from pocket.text_model import build_tokenizer
from pocket.workplace import WORK, device
from pocket.world import sample_shot

MINUTES = 120.0
SHARDS = {"pictures": 25, "drifts": 8, "stills": 100, "clips": 120, "longs": 20, "twins": 60}


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)


def _shared_out(module: str, kind: str, count: int, workers: int) -> None:
    """Run ``python -m module kind FIRST LAST`` in so many processes of one thread each, every one with its share."""
    ends = [count * n // workers for n in range(workers + 1)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([sys.executable, "-m", module, kind, str(first), str(last)], env=environment)
        for first, last in pairwise(ends)
    ]
    statuses = [process.wait() for process in running]
    if any(statuses):
        raise SystemExit(f"{module} {kind} failed; its last lines say why")


def _needed(count: int, minutes: float) -> int:
    """How many of so many shards are worth drawing for so short a training; three at the least, since some are kept."""
    return max(3, ceil(count * min(1.0, minutes / MINUTES)))


def make_tokenizer() -> None:
    """From captions of shots that are only described, never drawn."""
    if (WORK / "tokenizer").exists():
        return
    rng = np.random.default_rng(0)
    texts = []
    for i in range(12_000):
        shot = sample_shot(rng)
        texts.append(caption(shot, rng, still=i % 2 == 0))
    build_tokenizer(texts).save_pretrained(str(WORK / "tokenizer"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--minutes",
        type=float,
        default=MINUTES,
        help="minutes of training in all; two fifths for the VAE: two of those at half its width, one for its decoder",
    )
    minutes: float = parser.parse_args().minutes
    workers = 1 if device().type == "cuda" else 2
    make_tokenizer()
    shards = {kind: _needed(count, minutes) for kind, count in SHARDS.items()}
    for kind, count in shards.items():
        _shared_out("pocket.draw", kind, count, os.cpu_count() or 1)
    launch("pocket.train_vae", str(minutes * 0.16), "half", workers=workers)
    launch("pocket.train_vae", str(minutes * 0.16), workers=workers)
    launch("pocket.train_vae", str(minutes * 0.04), "decoder", workers=workers)
    launch("pocket.train_vae", str(minutes * 0.04), "polish", workers=workers)
    for kind in ("stills", "clips", "longs", "twins"):
        _shared_out("pocket.prepare", kind, shards[kind], workers)
    _run("pocket.prepare", "statistics")
    launch("pocket.train_transformer", str(minutes * 0.6), workers=workers)
    _run("pocket.train_embedder")


if __name__ == "__main__":
    main()
