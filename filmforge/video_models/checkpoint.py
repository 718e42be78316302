"""A transformer that lies in one file, as safetensors or GGUF: where it is, and whose it is by its header. Without torch.

Such a file holds a transformer and no configuration. What it is, is known by the names and shapes of its tensors, as its
authors or diffusers name them; that is held against the configuration of the family before anything is loaded.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filmforge.errors import WeightsError
from filmforge.video_models import gguf_header, lora_bases, tensors
from filmforge.video_models.facts import Facts
from filmforge.video_models.published import published

EXPERTS: Mapping[str | None, str] = {None: "transformer", "high": "transformer", "low": "transformer_2"}
"""The component that a file replaces, by what a film calls it."""
_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
_ONE_FILE = {".safetensors", ".sft", ".gguf", *_PICKLES}
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_PREFIXES = ("model.diffusion_model.", "diffusion_model.")
"""What stands before a transformer's tensors in files that were saved with other parts, or by ComfyUI."""
_SCALED = ("scaled_fp8", ".scale_weight", ".scale_input", ".weight_scale", ".comfy_quant")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One file of weights. `shapes` are in torch's order, by the names within the transformer; `size` is in bytes."""

    path: Path
    gguf: bool
    shapes: Mapping[str, tuple[int, ...]]
    size: int

    @property
    def parameters(self) -> int:
        """How many numbers the transformer has."""
        return sum(math.prod(shape) for shape in self.shapes.values())


def is_one_file(source: str, film_dir: Path) -> bool:
    """Whether what a film names as weights is a single file, by its name. A folder may have such a name."""
    return Path(source).suffix.lower() in _ONE_FILE and not (film_dir / source).is_dir()


def find_checkpoint(facts: Facts, source: str, film_dir: Path) -> Checkpoint:
    """The file that a film names, read as far as its header. WeightsError where it is none that is read."""
    if Path(source).suffix.lower() in _PICKLES:
        raise WeightsError(
            f"{facts.id}: weights '{source}' are a pickle, which can run code and is never read; name a .safetensors "
            "or .gguf file"
        )
    path = film_dir / source
    if not path.is_file():
        what = "is a folder; name it as `base`, or as `weights`" if path.is_dir() else "is not there"
        raise WeightsError(f"{facts.id}: the file of weights '{source}' {what}")
    try:
        return read_checkpoint(path.resolve())
    except (ValueError, OSError) as error:
        raise WeightsError(f"{facts.id}: the file of weights '{source}': {error}") from None


def read_checkpoint(path: Path) -> Checkpoint:
    """The header of a file of weights. ValueError says why it cannot be read.

    What it is, its first bytes say, not its name: the hub's cache keeps files under their digests.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(_PICKLE_STARTS):
        raise ValueError("it is a pickle, which can run code and is never read, whatever its name")
    gguf = start == gguf_header.MAGIC
    shapes: dict[str, tuple[int, ...]]
    if gguf:
        own = gguf_header.read_header(path)
        shapes = {name: tensor.shape for name, tensor in own.items()}
        sizes = {name: tensor.size for name, tensor in own.items()}
    else:
        header = tensors.read_header(path)
        header.pop("__metadata__", None)
        try:
            shapes = {name: tuple(map(int, entry["shape"])) for name, entry in header.items()}
            sizes = {
                name: int(entry["data_offsets"][1]) - int(entry["data_offsets"][0])
                for name, entry in header.items()
            }
        except (KeyError, TypeError, IndexError, ValueError):
            raise ValueError("its safetensors header cannot be read") from None
    if scaled := next((name for name in shapes if any(sign in name for sign in _SCALED)), None):
        raise ValueError(
            f"its weights are scaled fp8 of ComfyUI ('{scaled}'), which diffusers does not read; take the file in "
            "bf16, or a GGUF"
        )
    inside = names_inside(shapes)
    return Checkpoint(
        path,
        gguf,
        {within: shapes[name] for name, within in inside.items()},
        sum(sizes[name] for name in inside),
    )


def names_inside(names: Iterable[str]) -> dict[str, str]:
    """The tensors of a file that are the transformer's, and their names within it; its other parts are left out."""
    found = list(names)
    for prefix in _PREFIXES:
        if inside := {name: name.removeprefix(prefix) for name in found if name.startswith(prefix)}:
            return inside
    return {name: name for name in found}


def configuration(facts: Facts, version: str | None, folder: Path | None, expert: str) -> Mapping[str, Any]:
    """The configuration of a transformer: that of the weights' folder, or as published where they are not here."""
    if folder is not None:
        try:
            found = json.loads((folder / expert / "config.json").read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        except (OSError, ValueError):
            return {}
    release = published(facts.id, version)
    return release.parts[expert].config if release and expert in release.parts else {}


@dataclass(frozen=True, slots=True)
class _Architecture:
    """How the transformers of one layout are told: tensors that only they have, and where their measures stand.

    `first` takes the latents in: [width, channels, ...]. `blocks` are the names of a list of blocks, and the key of the
    configuration that counts them. The authors' names come first, diffusers' after them.
    """

    title: str
    signs: tuple[str, ...]
    first: tuple[str, ...]
    blocks: tuple[tuple[tuple[str, ...], str], ...]


_DOUBLE = "transformer_blocks"
_ARCHITECTURES = {
    "wan": _Architecture(
        "Wan",
        ("blocks.0.self_attn.q.weight", "condition_embedder.time_proj.weight"),
        ("patch_embedding.weight",),
        ((("blocks",), "num_layers"),),
    ),
    "hunyuan": _Architecture(
        "HunyuanVideo",
        ("txt_in.input_embedder.weight", "context_embedder.proj_in.weight"),
        ("img_in.proj.weight", "x_embedder.proj.weight"),
        (
            (("double_blocks", _DOUBLE), "num_layers"),
            (("single_blocks", "single_transformer_blocks"), "num_single_layers"),
        ),
    ),
    "mochi": _Architecture(
        "Mochi 1",
        ("t5_y_embedder.to_kv.weight", "time_embed.pooler.to_kv.weight"),
        ("x_embedder.proj.weight", "patch_embed.proj.weight"),
        ((("blocks", _DOUBLE), "num_layers"),),
    ),
    "ltx": _Architecture(
        "LTX-Video",
        ("patchify_proj.weight", "time_embed.emb.timestep_embedder.linear_1.weight"),
        ("patchify_proj.weight", "proj_in.weight"),
        (((_DOUBLE,), "num_layers"),),
    ),
}
_BEYOND = (
    ("audio_", "LTX-2, which makes sound too"),
    ("vace_", "a Wan VACE, which is steered by further pictures"),
    ("face_adapter", "a Wan Animate, which is steered by a performer"),
    ("img_emb.", "a Wan 2.1 of image to video, which looks at the picture through CLIP"),
    (
        "condition_embedder.image_embedder.",
        "a Wan 2.1 of image to video, which looks at the picture through CLIP",
    ),
)


def misfit(checkpoint: Checkpoint, facts: Facts, config: Mapping[str, Any]) -> str:
    """Why a file does not hold the transformer that `config` describes; empty where nothing speaks against it.

    Told by its architecture, its width, its channels and how many blocks it has. Whether every tensor has its place is
    seen when it is loaded.
    """
    shapes = checkpoint.shapes
    if not shapes:
        return "holds no weights"
    own = _ARCHITECTURES.get(facts.layout)
    if own is None:
        return ""
    if not any(sign in shapes for sign in own.signs):
        theirs = next(
            (other.title for other in _ARCHITECTURES.values() if any(s in shapes for s in other.signs)), None
        ) or lora_bases.title_of(shapes)
        what = f"a transformer of {theirs}" if theirs else f"no transformer of {own.title}"
        if any(name.endswith((".lora_A.weight", ".lora_down.weight")) for name in shapes):
            what = "a LoRA; declare it as the model's `lora`"
        return f"holds {what}, and {facts.id} has one of {own.title}"
    for sign, theirs in _BEYOND:
        if any(name.startswith(sign) or f".{sign}" in name for name in shapes) and not config.get(
            "image_dim"
        ):
            return f"holds {theirs}, and {facts.id} is none"
    ours, theirs_are = _expected(own, config), _measures(own, shapes)
    if wrong := {name for name, value in ours.items() if theirs_are.get(name, value) != value}:
        base = lora_bases.known(facts.layout, theirs_are.get("wide", 0), _counted(own, theirs_are))
        called = f" ({base.title})" if base else ""
        return (
            f"holds a transformer of {own.title} {_told(theirs_are, wrong)}{called}, and that of {facts.id} is "
            f"{_told(ours, wrong)}"
        )
    return ""


def _expected(own: _Architecture, config: Mapping[str, Any]) -> dict[str, int]:
    """The measures that a configuration gives, as far as it gives them."""
    found: dict[str, int] = {}
    try:
        found["wide"] = int(config["num_attention_heads"]) * int(config["attention_head_dim"])
        found["channels"] = int(config["in_channels"])
        found |= {names[-1]: int(config[key]) for names, key in own.blocks}
    except (KeyError, TypeError, ValueError):
        pass
    return found


def _measures(own: _Architecture, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The measures that the tensors of a file show, by the same names."""
    found: dict[str, int] = {}
    first = next((shapes[name] for name in own.first if name in shapes), ())
    if len(first) >= 2:
        found |= {"wide": first[0], "channels": first[1]}
    for names, _ in own.blocks:
        held = {name.split(".")[1] for name in shapes if name.split(".", 1)[0] in names and "." in name}
        found[names[-1]] = len(held)
    return found


def _counted(own: _Architecture, measures: Mapping[str, int]) -> dict[str, int]:
    return {names[-1]: measures[names[-1]] for names, _ in own.blocks}


def _told(measures: Mapping[str, int], only: set[str]) -> str:
    words = {"wide": "{} wide", "channels": "for {} channels"}
    return ", ".join(
        words.get(name, f"of {{}} {name.replace('_', ' ')}").format(measures[name])
        for name in sorted(only, key=lambda one: list(measures).index(one))
    )


def digest_with(base: str, files: Mapping[str, str]) -> str:
    """The digest of weights of which `files` (component -> SHA-256) stand in for parts of `base`, itself without them."""
    total = hashlib.sha256(b"filmforge.weights.files/1\n")
    total.update(f"{base}\n".encode())
    for name in sorted(files):
        total.update(f"{name}\0{files[name]}\n".encode())
    return total.hexdigest()
