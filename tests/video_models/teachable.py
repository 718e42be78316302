"""Tiny models that a LoRA can teach: noise goes through them, as through trained ones, and attention has a say.

A tiny transformer of random numbers cannot learn a clip, whatever the rate and the steps: the noise that it is to predict
does not fit through a width below its patches' (64 numbers through 24), and its gates are all but shut. What samples keep
of their noise is then most of their distance to any clip, and a mistake in training is lost in it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import diffusers
import torch

_ENDS = {
    "WanTransformer3DModel": ("patch_embedding", 1),
    "HunyuanVideoTransformer3DModel": ("x_embedder.proj", 1),
    "LTXVideoTransformer3DModel": ("proj_in", 1),
    "MochiTransformer3DModel": ("patch_embed.proj", -1),
}
"""By transformer: what embeds its patches, and the sign of noise in the velocity that it predicts."""


def made_teachable(folder: Path, *, spread: float = 1.0, seed: int = 0) -> Path:
    """Write the transformers of a tiny model in `folder` anew, so that a LoRA can teach it.

    `spread` is by what the latents of its random autoencoder are raised, where all pictures look alike to it.
    """
    torch.manual_seed(seed)
    boundary = json.loads((folder / "model_index.json").read_text("utf-8")).get("boundary_ratio")
    for part in ("transformer", "transformer_2"):
        if (folder / part).is_dir():
            made = _transformer(json.loads((folder / part / "config.json").read_text("utf-8")))
            if boundary is not None:
                _turn_gates(made, boundary * 1000)
            made.eval().save_pretrained(folder / part)
    if spread != 1:
        name = json.loads((folder / "vae" / "config.json").read_text("utf-8"))["_class_name"]
        vae = getattr(diffusers, name).from_pretrained(folder / "vae")
        with torch.no_grad():
            for value in vae.encoder.conv_out.parameters():
                value.mul_(spread)
        vae.save_pretrained(folder / "vae")
    return folder


def _transformer(config: dict[str, Any]) -> Any:
    """A transformer of this configuration, at least as wide as its patches, that predicts noise where it sees any."""
    kind = getattr(diffusers, config["_class_name"])
    embedder, sign = _ENDS[config["_class_name"]]
    if config["_class_name"] in ("WanTransformer3DModel", "MochiTransformer3DModel"):
        numbers = kind.from_config(config).proj_out.out_features
        # A dozen is what the rotary positions of a head are divided by.
        least = math.ceil(numbers / config["num_attention_heads"] / 12) * 12
        config = config | {"attention_head_dim": max(config["attention_head_dim"], least)}
    elif config["_class_name"].startswith("Hunyuan"):
        config = config | {"num_attention_heads": 2 * config["num_attention_heads"]}
    made = kind.from_config(config)
    channels_first = config["_class_name"].startswith("Hunyuan")
    _let_noise_through(made.get_submodule(embedder), made.proj_out, sign, channels_first)
    _open_gates(made)
    if hasattr(made, "pos_frequencies"):
        torch.nn.init.normal_(made.pos_frequencies)  # zeros when made: no position would count
    return made


@torch.no_grad()
def _let_noise_through(embedder: Any, out: torch.nn.Linear, sign: int, channels_first: bool) -> None:
    """Have patches go in by an orthogonal projection and come out by the same: the velocity of pictures that are grey."""
    width, _, *patch = embedder.weight.shape
    own = out.out_features // math.prod(patch)  # further channels are an image's, and not noise
    directions, _ = torch.linalg.qr(torch.randn(width, out.out_features))
    embedder.weight[:, :own] = directions.view(width, own, *patch)
    embedder.bias.zero_()
    by_patch = directions.view(width, own, -1)
    ordered = by_patch.permute(1, 2, 0) if channels_first else by_patch.permute(2, 1, 0)
    out.weight.copy_(sign * ordered.reshape(out.out_features, width) * math.sqrt(out.out_features / width))
    out.bias.zero_()


@torch.no_grad()
def _open_gates(transformer: Any) -> None:
    """Raise what attention's gates are in every block by 1."""
    for module in transformer.modules():
        kind = type(module).__name__
        if kind in ("WanTransformerBlock", "LTXVideoTransformerBlock"):
            module.scale_shift_table.view(6, -1)[2] += 1
        elif kind in ("AdaLayerNormZero", "AdaLayerNormZeroSingle"):
            width = module.norm.normalized_shape[0]
            module.linear.bias[2 * width : 3 * width] += 1
        elif kind == "MochiRMSNormZero":
            module.linear.bias.view(4, -1)[1] += 1


@torch.no_grad()
def _turn_gates(transformer: Any, boundary: float) -> None:
    """Have the gates of a Wan's blocks be 1 for timesteps from `boundary` up and -1 below.

    What was learned at the levels of one expert is then turned round at the other's, where a random transformer would
    hardly know one from the other.
    """
    embedder = transformer.condition_embedder
    steps = torch.linspace(0, 1000, 401)
    signs = torch.where(steps >= boundary, 1.0, -1.0)
    seen = embedder.act_fn(embedder.time_embedder(embedder.timesteps_proj(steps)))
    weights = torch.linalg.lstsq(torch.cat([seen, torch.ones(len(seen), 1)], dim=1), signs[:, None]).solution
    width = transformer.proj_out.in_features
    for gate in (2, 5):
        rows = slice(gate * width, (gate + 1) * width)
        embedder.time_proj.weight[rows] = weights[:-1, 0]
        embedder.time_proj.bias[rows] = weights[-1, 0]
    for block in transformer.blocks:
        block.scale_shift_table.view(6, -1)[[2, 5]] = 0
