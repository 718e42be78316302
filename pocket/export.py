"""Writes the shipped diffusers folder, whole or not at all.

python -m pocket.export          # from the latest checkpoints
python -m pocket.export unpack   # the other way: checkpoints from the shipped weights, to train on
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from transformers import UMT5EncoderModel

from pocket.text_model import as_umt5, load_tokenizer, new_text_encoder
from pocket.transformer_model import new_scheduler, new_transformer
from pocket.vae_model import new_vae
from pocket.workplace import WEIGHTS, WORK, load, save

MODEL_INDEX: dict[str, Any] = {
    "_class_name": "WanPipeline",
    "_diffusers_version": "0.36.0",
    "boundary_ratio": None,
    "expand_timesteps": True,
    "image_encoder": [None, None],
    "image_processor": [None, None],
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "UMT5EncoderModel"],
    "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
    "transformer": ["diffusers", "WanTransformer3DModel"],
    "transformer_2": [None, None],
    "vae": ["diffusers", "AutoencoderKLWan"],
}


def trained_vae(checkpoint: Path = WORK / "vae.pt") -> AutoencoderKLWan:
    """The VAE with its latent statistics; fresh where nothing was trained."""
    state = load(checkpoint)
    vae = new_vae()
    if state is None:
        return vae
    vae.load_state_dict(state["vae"])
    statistics = WORK / "latent_statistics.json"
    if statistics.exists():
        vae.register_to_config(**json.loads(statistics.read_text()))
    return vae.eval()


def unpack(source: Path = WEIGHTS) -> None:
    """Put shipped weights where checkpoints would be, so that training goes on from them elsewhere.

    The averaged weights serve as both kinds; momentum starts anew. What is there already stays.
    """
    vae = AutoencoderKLWan.from_pretrained(source / "vae").float()
    means = {name: list(vae.config[name]) for name in ("latents_mean", "latents_std")}
    painter = WanTransformer3DModel.from_pretrained(source / "transformer").float().state_dict()
    twin = UMT5EncoderModel.from_pretrained(source / "text_encoder").float().state_dict()
    bias = "SelfAttention.relative_attention_bias"
    reader = {n: w for n, w in twin.items() if bias not in n or n.startswith("encoder.block.0.")}
    if not (WORK / "tokenizer").exists():
        load_tokenizer(source / "tokenizer").save_pretrained(str(WORK / "tokenizer"))
    if not (WORK / "vae.pt").exists():
        save({"vae": vae.state_dict(), "step": 0, "spent": 0.0}, WORK / "vae.pt")
        (WORK / "latent_statistics.json").write_text(json.dumps(means))
    if not (WORK / "transformer.pt").exists():
        state = {"transformer": painter, "text": reader, "step": 0, "spent": 0.0}
        save(state | {"ema_transformer": painter, "ema_text": reader}, WORK / "transformer.pt")


def export(target: Path = WEIGHTS) -> None:
    """Assemble beside ``target``, then move each component folder into place."""
    part = target.parent / (target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    tokenizer = load_tokenizer(WORK / "tokenizer")
    transformer, text = new_transformer(), new_text_encoder(len(tokenizer))
    state = load(WORK / "transformer.pt")
    if state is not None:
        transformer.load_state_dict(state["ema_transformer"])
        text.load_state_dict(state["ema_text"])
    trained_vae().to(torch.bfloat16).save_pretrained(part / "vae")
    transformer.to(torch.bfloat16).save_pretrained(part / "transformer")
    as_umt5(text).to(torch.bfloat16).save_pretrained(part / "text_encoder")
    tokenizer.save_pretrained(str(part / "tokenizer"))
    new_scheduler().save_pretrained(part / "scheduler")
    (part / "model_index.json").write_text(json.dumps(MODEL_INDEX, indent=2) + "\n")
    target.mkdir(parents=True, exist_ok=True)
    for item in sorted(part.rglob("*")):
        if item.is_file():
            place = target / item.relative_to(part)
            place.parent.mkdir(parents=True, exist_ok=True)
            item.chmod(0o644)
            item.replace(place)
    shutil.rmtree(part)
    size = sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
    print(f"exported {target} ({size / 1e6:.1f} MB)", flush=True)


if __name__ == "__main__":
    import sys

    unpack() if "unpack" in sys.argv[1:] else export()
