"""Encodes the drawn stills and clips once: the transformer trains on latents and token ids.

    python -m pocket.prepare stills 0 50
    python -m pocket.prepare clips 0 60
    python -m pocket.prepare statistics

One file a shard in ``.pocket/latents``: ``latents`` float16 (n, Z, t, 12, 20), raw (not yet
standardised), and captions beside it. The VAE is causal: a prefix of a clip's latents is the
latents of the clip's first frames, so 17 frames serve 1, 5, 9 and 13 as well. With them is kept which encoder made them:
once it has been taught further, they are made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys

import numpy as np
import torch
from diffusers import AutoencoderKLWan

from pocket.draw import shots
from pocket.export import trained_vae
from pocket.vae_model import Z, encode_whole, quickened, to_pixels
from pocket.workplace import WORK, device, half_precision, load, save
from pocket.world import figures

LATENTS = WORK / "latents"


def encoder_of(vae: AutoencoderKLWan) -> str:
    """A digest of all that latents depend on."""
    found = hashlib.sha256()
    for part in (vae.encoder, vae.quant_conv):
        for value in part.state_dict().values():
            found.update(value.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


@torch.inference_mode()
def encode_shard(kind: str, number: int, vae: AutoencoderKLWan, encoder: str) -> None:
    """``kind`` is stills, clips, longs or twins; ``encoder`` the digest of the VAE's."""
    source, target = WORK / kind / f"{number:04d}.npy", LATENTS / f"{kind}-{number:04d}.pt"
    if not source.exists() or (load(target) or {}).get("encoder") == encoder:
        return
    frames = torch.from_numpy(np.load(source))
    frames = frames[:, None] if frames.ndim == 4 else frames
    out = []
    for batch in frames.split(20 if kind == "stills" else 2):
        with torch.autocast(device().type, torch.bfloat16, enabled=half_precision()):
            latents = encode_whole(vae, to_pixels(batch.to(device())))
        out.append(latents.half().cpu())
    notes = json.loads(source.with_suffix(".json").read_text())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.with_suffix(".json").write_text(json.dumps(notes))
    save({"latents": torch.cat(out), "encoder": encoder}, target)


def mark_figures(kind: str, number: int) -> None:
    """Where the players stand in every latent of a shard: uint8 (n, t, 12, 20), 1 or 0."""
    target = LATENTS / f"{kind}-{number:04d}.npy"
    if target.exists():
        return
    marks = []
    for shot, frames, start in shots(kind, number):
        seen = figures(shot, frames, start)
        rest = seen[1:].reshape(-1, 4, *seen.shape[1:]).any(1)
        marks.append(np.concatenate([seen[:1], rest]).astype(np.uint8))
    np.save(target, np.stack(marks))


def statistics() -> None:
    """Mean and deviation of every latent channel over what was encoded so far."""
    parts = []
    for path in sorted(LATENTS.glob("*.pt"))[:40]:
        latents = torch.load(path, weights_only=True)["latents"].float()
        parts.append(latents.transpose(0, 1).reshape(Z, -1)[:, ::7])
    values = torch.cat(parts, 1)
    (WORK / "latent_statistics.json").write_text(
        json.dumps(
            {
                "latents_mean": [round(float(v), 5) for v in values.mean(1)],
                "latents_std": [round(float(v), 5) for v in values.std(1)],
            }
        )
    )


def main() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    if sys.argv[1] == "statistics":
        statistics()
        return
    vae = trained_vae().to(device())
    encoder = encoder_of(vae)
    with quickened(vae):
        for number in range(int(sys.argv[2]), int(sys.argv[3])):
            encode_shard(sys.argv[1], number, vae, encoder)
            mark_figures(sys.argv[1], number)


if __name__ == "__main__":
    main()
