"""Writes a transformer as one file: safetensors or GGUF, with diffusers' names or with its authors'.

The authors' names come from the tables by which their LoRAs are read, and from the lists below for what no LoRA changes:
neither is how diffusers converts a whole checkpoint.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from filmforge.video_models import tensors
from filmforge.video_models.lora_names import LAYOUTS

_OTHERS = {
    "wan": (
        (r"^scale_shift_table$", "head.modulation"),
        (r"^(blocks\.\d+\.)scale_shift_table$", r"\1modulation"),
        (r"^(blocks\.\d+\.)norm2\.", r"\1norm3."),
        (r"\.attn1\.norm_", ".self_attn.norm_"),
        (r"\.attn2\.norm_", ".cross_attn.norm_"),
    ),
    "hunyuan": (
        (r"^x_embedder\.", "img_in."),
        (r"^transformer_blocks\.(\d+)\.attn\.norm_([qk])\.", r"double_blocks.\1.img_attn_\2_norm."),
        (r"^transformer_blocks\.(\d+)\.attn\.norm_added_([qk])\.", r"double_blocks.\1.txt_attn_\2_norm."),
        (r"^single_transformer_blocks\.(\d+)\.attn\.norm_([qk])\.", r"single_blocks.\1.\2_norm."),
        (
            r"^context_embedder\.token_refiner\.refiner_blocks\.(\d+)\.norm",
            r"txt_in.individual_token_refiner.blocks.\1.norm",
        ),
    ),
    "mochi": (
        (r"^patch_embed\.", "x_embedder."),
        (r"^transformer_blocks\.(\d+)\.attn1\.norm_([qk])\.", r"blocks.\1.attn.\2_norm_x."),
        (r"^transformer_blocks\.(\d+)\.attn1\.norm_added_([qk])\.", r"blocks.\1.attn.\2_norm_y."),
        (r"^transformer_blocks\.(\d+)\.norm1_context\.linear_1\.", r"blocks.\1.mod_y."),
    ),
    "ltx": ((r"\.norm_([qk])\.", r".\1_norm."),),
}


def authors(layout: str, held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a transformer as its authors name and join them."""
    found: dict[str, Tensor] = {}
    for name, value in held.items():
        module, _, of = name.rpartition(".")
        if (theirs := LAYOUTS[layout].theirs(module)) is None or name == "scale_shift_table":
            for pattern, new in _OTHERS[layout]:
                name = re.sub(pattern, new, name)
            found[name] = value
            continue
        there, place = theirs
        if module != place.modules[0]:
            continue  # it went in with the first
        rows = [held[f"{each}.{of}"] for each in place.modules]
        joined = torch.cat(rows) if len(rows) > 1 else value
        if place.rows == "swapped":
            joined = torch.cat(joined.chunk(2)[::-1])
        found[f"{there}.{of}"] = joined
    return found


def weights_of(folder: Path, component: str = "transformer") -> dict[str, Tensor]:
    """The tensors of a component of a folder in diffusers' layout."""
    return tensors.load(folder / component / "diffusion_pytorch_model.safetensors")


def write_gguf(path: Path, held: Mapping[str, Tensor], kind: str = "Q8_0") -> Path:
    """Write a GGUF as converters do: matrices of whole blocks as `kind`, other matrices F16, all else F32."""
    import gguf

    wanted = gguf.GGMLQuantizationType[kind]
    block, _ = gguf.GGML_QUANT_SIZES[wanted]
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(str(path), "video")
    writer.add_name("tiny")
    writer.add_array("list", ["one", "two"])
    for name, value in held.items():
        array = value.float().numpy()
        if value.ndim < 2:
            writer.add_tensor(name, array)
        elif value.ndim == 2 and value.shape[-1] % block == 0:
            writer.add_tensor(name, gguf.quants.quantize(array, wanted), raw_dtype=wanted)
        else:
            half = gguf.GGMLQuantizationType.F16
            writer.add_tensor(name, gguf.quants.quantize(array, half), raw_dtype=half)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def wide(folder: Path) -> Path:
    """A tiny Wan with transformers 32 wide, so that its matrices are whole blocks of GGUF's types."""
    import diffusers

    for part in folder.glob("transformer*"):
        config = json.loads((part / "config.json").read_text()) | {"attention_head_dim": 16}
        torch.manual_seed(len(part.name))
        kind: Any = diffusers.WanTransformer3DModel
        kind.from_config(config).save_pretrained(part)
    return folder


def film_of(folder: Path, family: str, models: dict[str, str], more: str = "", shot: str = "") -> Path:
    """A film with one shot for each of `models`, alike but for the weights."""
    film = folder / "film.yaml"
    lines = "".join(
        f"  {name}: {{use: {family}, precision: fp32, steps: 2, {weights}{more}}}\n"
        for name, weights in models.items()
    )
    shots = "".join(
        f'      - {{id: {name}, prompt: "a red ball", lasts: 5f, seed: 1, model: {name}{shot}}}\n'
        for name in models
    )
    film.write_text(
        f"filmforge: 1\nsize: 64x32\nmodels:\n{lines}model: {next(iter(models))}\nscenes:\n  - id: a\n"
        f"    shots:\n{shots}",
        encoding="utf-8",
    )
    return film
