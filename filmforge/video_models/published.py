"""What the official weights of a family are made of: their configurations as published, and how large that makes them.

One JSON file for each release in `configs/`, each part of it with its source. Read without torch: plans of memory are
made from it. A test builds every part on torch's meta device and compares the parameters.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from filmforge.video_models.family import Facts
from filmforge.video_models.weights import of_variant


@dataclass(frozen=True, slots=True)
class Part:
    """A component: its class as `library.Class`, its configuration, where that comes from, its parameters.

    `stored` is how many bytes its weights take whatever the precision, where they are quantized already.
    """

    kind: str
    config: Mapping[str, Any]
    source: str
    parameters: int
    stored: int | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """A release: the hub id, its components by name, and how many parameters its authors say a transformer has.

    `scheduler` has no parameters; `index` is what the index of its folder says beside the components.
    """

    repo: str
    parts: Mapping[str, Part]
    transformer_parameters: float
    source: str
    scheduler: Part
    index: Mapping[str, Any]

    @property
    def experts(self) -> dict[str, Part]:
        """The parts that denoise."""
        return {name: part for name, part in self.parts.items() if name.startswith("transformer")}

    @property
    def text_encoders(self) -> dict[str, Part]:
        """The parts that embed prompts."""
        return {name: part for name, part in self.parts.items() if name.startswith("text_encoder")}


def weight_files(part: Path, variant: str | None) -> list[Path]:
    """The safetensors files of a component: those of `variant` where there are any, else those of none."""
    return [part / name for name in of_variant(sorted(f.name for f in part.glob("*.safetensors")), variant)]


def release_in(
    folder: Path, variant: str | None = None, files: Mapping[str, Path] | None = None
) -> Published:
    """What a folder of weights in diffusers' layout is made of, from its configurations and safetensors headers.

    `files` are the components that are read from a file of their own.
    """
    from filmforge.video_models import tensors
    from filmforge.video_models.checkpoint import read_checkpoint

    index = json.loads((folder / "model_index.json").read_text("utf-8"))
    parts = {}
    for name, entry in index.items():
        config = folder / name / "config.json"
        if not isinstance(entry, list) or not config.is_file():
            continue
        kind, own = ".".join(map(str, entry)), json.loads(config.read_text("utf-8"))
        if files and name in files:
            held = read_checkpoint(files[name])
            parts[name] = Part(kind, own, "", held.parameters, held.size if held.gguf else None)
            continue
        sizes = 0
        for file in weight_files(folder / name, variant):
            header = tensors.read_header(file)
            sizes += sum(math.prod(part["shape"]) for key, part in header.items() if key != "__metadata__")
        parts[name] = Part(kind, own, "", sizes)
    scheduler = Part(".".join(map(str, index.get("scheduler", ()))), {}, "", 0)
    return Published("", parts, float(parts["transformer"].parameters), "", scheduler, index)


@cache
def published(family: str, version: str | None = None) -> Published | None:
    """The release of a family that comes with filmforge; None where there is no record of it."""
    name = family if version is None else f"{family}.{version}"
    file = resources.files("filmforge") / "video_models" / "configs" / f"{name}.json"
    if not file.is_file():
        return None
    held = json.loads(file.read_text(encoding="utf-8"))
    parts = {
        name: Part(part["class"], part["config"], part["source"], part["parameters"])
        for name, part in held["components"].items()
    }
    said, levels = held["published"], held["scheduler"]
    scheduler = Part(levels["class"], levels["config"], levels["source"], 0)
    return Published(held["repo"], parts, said["transformer"], said["source"], scheduler, held["index"])


def releases(facts: Facts) -> dict[str | None, Published]:
    """The default release of a family under None, and its versions by name, as far as they are on record."""
    found = {version: published(facts.id, version) for version in (None, *facts.versions)}
    return {version: release for version, release in found.items() if release is not None}
