"""Makes the shipped weights from nothing: draw, VAE, latents, transformer, export; and the embedder of likeness.

    python -m pocket.make                 # some hours on two cores, minutes on one GPU
    python -m pocket.make --minutes 20    # a rough pocket, to see the recipe work

Every step resumes: what lies in ``.pocket/`` is not made twice.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

import numpy as np

from pocket.caption import caption
from pocket.pair import launch
from pocket.text_model import build_tokenizer
from pocket.workplace import WORK, device
from pocket.world import sample_shot

SHARDS = {"pictures": 25, "drifts": 8, "stills": 100, "clips": 120, "longs": 20, "twins": 60}


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)


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
        default=120.0,
        help="training time in all; two fifths of it for the VAE, a tenth of those for its decoder alone",
    )
    minutes: float = parser.parse_args().minutes
    workers = 1 if device().type == "cuda" else 2
    make_tokenizer()
    for kind, count in SHARDS.items():
        _run("pocket.draw", kind, "0", str(count))
    launch("pocket.train_vae", str(minutes * 0.36), workers=workers)
    launch("pocket.train_vae", str(minutes * 0.04), "decoder", workers=workers)
    for kind in ("stills", "clips", "longs", "twins"):
        _run("pocket.prepare", kind, "0", str(SHARDS[kind]))
    _run("pocket.prepare", "statistics")
    launch("pocket.train_transformer", str(minutes * 0.6), workers=workers)
    _run("pocket.train_embedder")


if __name__ == "__main__":
    main()
