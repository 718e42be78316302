"""Finds the embedder that measures likeness on this machine, and says by digest which it is; without torch or network.

It is `pocket` (ships with filmforge, and knows its paper theatre only), `arcface` (faces, through the package
insightface, whose models one has put there oneself), or a model that transformers loads: a folder, or a hub id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filmforge.errors import WeightsError
from filmforge.video_models.weights import HUB_ID, hub_snapshot, sha256_of

SHIPPED = "pocket"
ARCFACE = "arcface"
TRANSFORMERS = "transformers"
OFFICIAL = "facebook/dinov2-base"
"""Where a film names none and its model draws photographs: self-supervised, Apache-2.0, 86 million parameters
(https://huggingface.co/facebook/dinov2-base)."""
_PACK = Path(".insightface") / "models" / "buffalo_l"
"""Where insightface keeps its models in the home folder, and which of them it uses by default."""
_READ = ("config.json", "preprocessor_config.json")
_OF_PICTURES = ("vision_config", "image_size", "num_channels")
"""One of these is in the configuration of whatever reads pictures."""


@dataclass(frozen=True, slots=True)
class FoundEmbedder:
    """An embedder: its kind, its weights' digest, and where they are; `folder` is None while they are not here."""

    kind: str
    digest: str | None
    folder: Path | None = None
    repo: str | None = None
    commit: str | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What stands for it in a key."""
        return {"kind": self.kind, "weights": self.digest or f"{self.repo}@{self.commit or 'unresolved'}"}


def find_embedder(
    name: str,
    film_dir: Path,
    *,
    commit: str | None = None,
    hasher: Callable[[Path], str] = sha256_of,
    home: Path | None = None,
) -> FoundEmbedder:
    """Where the embedder called `name` is: `pocket`, `arcface`, a folder as for weights, or a hub id.

    `commit` is the one that a lock pins. Raises WeightsError for what is neither, and for a folder without one.
    """
    if name == SHIPPED:
        file = Path(str(resources.files("filmforge"))) / "weights" / "likeness.safetensors"
        return FoundEmbedder(SHIPPED, hasher(file), file)
    if name == ARCFACE:
        folder = (home or Path.home()) / _PACK
        files = sorted(folder.glob("*.onnx")) if folder.is_dir() else []
        return FoundEmbedder(ARCFACE, _digest(files, hasher) if files else None, folder if files else None)
    beside = film_dir / name
    if name.startswith(("./", "../", "/")) or beside.is_dir():
        folder = beside.resolve()
        if wrong := _wrong(folder):
            raise WeightsError(f"embedder: {folder} {wrong}")
        return FoundEmbedder(TRANSFORMERS, _digest(_files(folder), hasher), folder)
    if not HUB_ID.fullmatch(name):
        raise WeightsError(
            f"embedder '{name}': neither '{SHIPPED}' nor '{ARCFACE}', nor a folder beside the film, nor a hub id "
            f"such as {OFFICIAL}"
        )
    commit, snapshot = hub_snapshot(name, commit or "main")
    if snapshot is None or _wrong(snapshot):
        return FoundEmbedder(TRANSFORMERS, None, None, name, commit)
    return FoundEmbedder(TRANSFORMERS, _digest(_files(snapshot), hasher), snapshot, name, commit)


def ships_for(family: str) -> bool:
    """Whether the embedder that ships knows what models of `family` draw."""
    return family == "pocket"


def missing_package(identity: Mapping[str, Any]) -> str | None:
    """Why an embedder cannot be used here, for want of a package or of what only that can fetch; None where it can."""
    if identity["kind"] != ARCFACE:
        return None
    if find_spec("insightface") is None:
        return (
            "`arcface` needs the package insightface, which is not installed: pip install 'filmforge[faces]'; or name "
            f"another embedder, such as {OFFICIAL}"
        )
    if identity["weights"].endswith("@unresolved"):
        return (
            f"`arcface` needs insightface's models in ~/{_PACK}; insightface puts them there the first time that "
            "FaceAnalysis() is made with a network (mind their licence: research only)"
        )
    return None


def embedder_files(names: Iterable[str]) -> tuple[str, ...]:
    """Of the files of a repository, by their path in it, those that are read of an embedder."""
    return tuple(n for n in names if n in _READ or ("/" not in n and n.endswith(".safetensors")))


def refuse_other(repo: str, folder: Path) -> None:
    """Raise WeightsError where what was downloaded is no embedder that transformers loads safely."""
    if wrong := _wrong(folder):
        raise WeightsError(f"embedder: {repo} {wrong}")


def _wrong(folder: Path) -> str:
    """What keeps a folder from being an embedder that transformers loads safely; empty when nothing does."""
    if not folder.is_dir():
        return "does not exist, or is not a folder"
    for name in _READ:
        if not (folder / name).is_file():
            return f"lacks {name}, so it is not a picture model in transformers' layout"
    try:
        config = dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return "has a config.json that is no JSON object, so it is not a model in transformers' layout"
    if "auto_map" in config:
        return "brings code of its own (auto_map in its config.json), which is never run; name DINO or CLIP"
    if not any(name in config for name in _OF_PICTURES):
        return (
            f"holds {config.get('model_type', 'something')}, which does not read pictures; name DINO or CLIP"
        )
    if not any(folder.glob("*.safetensors")):
        return "holds no *.safetensors; a pickle can run code and is never read (save_pretrained writes safetensors)"
    return ""


def _files(folder: Path) -> list[Path]:
    return [*(folder / name for name in _READ), *sorted(folder.glob("*.safetensors"))]


def _digest(files: list[Path], hasher: Callable[[Path], str]) -> str:
    total = hashlib.sha256(b"filmforge.embedder/1\n")
    for path in files:
        total.update(f"{path.name}\0{hasher(path)}\n".encode())
    return total.hexdigest()
