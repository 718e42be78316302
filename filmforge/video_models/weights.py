"""Finds a family's weights on this machine, and says by digest which they are; without torch or network.

Weights are a folder in diffusers' layout. They come with filmforge (pocket), lie in a folder that the film
names, or in the cache of the Hugging Face hub; single files may stand in for its transformers (`checkpoint.py`).
Only safetensors and GGUF are ever read: a pickle can run code.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path, PurePosixPath

from filmforge.errors import WeightsError
from filmforge.video_models.facts import Facts

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
_MATTERS = {".json", ".safetensors", ".model", ".txt"}
_VARIANTS = ("bf16", "fp16")
_WITHOUT_WEIGHTS = {"animatic", "comfyui"}


@dataclass(frozen=True, slots=True)
class Weights:
    """Where a family's weights are, and which they are.

    `folder` is None when they are not on this machine (`repo` then says what to fetch) or when the family
    has none. `commit` is the hub's, for weights from there. `digest` is that of `digest_of`. `files` are the components
    that are read from a file of their own instead.
    """

    family: str
    folder: Path | None = None
    repo: str | None = None
    commit: str | None = None
    digest: str | None = None
    files: Mapping[str, Path] = field(default_factory=dict)

    def required(self) -> Path:
        """The folder; WeightsError says how to get the weights when they are not here."""
        if self.folder is not None:
            return self.folder
        if self.repo is None:
            raise WeightsError(f"{self.family} has no weights to load")
        at = f" at {self.commit}" if self.commit else ""
        raise WeightsError(
            f"{self.family}: the weights {self.repo}{at} are not on this machine. With a network, run: filmforge fetch "
            "FILM; without one, name a folder that has them: `weights: ./folder`"
        )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find(
    facts: Facts,
    weights: str | None,
    revision: str | None,
    film_dir: Path,
    *,
    without: Collection[str] = (),
    hasher: Callable[[Path], str] = sha256_of,
) -> Weights:
    """Where the weights that a film declares for a family are; the family's official ones when None.

    `weights` is a hub id (`owner/name`) or a folder: one that starts with `./`, `../` or `/`, or that exists
    beside the film. Of the components in `without` only the configurations are wanted, and count. `hasher` may remember
    digests between calls. Weights that belong to the hub and are
    not in its cache come back with `folder=None`: a film can be planned without them. A folder that is named
    and is not one of weights raises WeightsError.
    """
    if facts.id in _WITHOUT_WEIGHTS:
        return Weights(facts.id)
    source = weights or facts.weights
    if source is None:
        folder = Path(str(resources.files("filmforge"))) / "weights" / facts.id
        return _checked(facts, folder, without, hasher)
    beside = film_dir / source
    if source.startswith(("./", "../", "/")) or beside.is_dir():
        return _checked(facts, beside.resolve(), without, hasher)
    if not HUB_ID.fullmatch(source):
        raise WeightsError(f"weights '{source}': neither a folder beside the film nor a hub id (owner/name)")
    return _in_hub_cache(facts, source, revision or facts.revision or "main", without, hasher)


def digest_of(
    folder: Path,
    *,
    variant: str | None = None,
    without: Collection[str] = (),
    hasher: Callable[[Path], str] = sha256_of,
) -> str:
    """SHA-256 over the names and digests of the files that decide pictures, in order of name.

    These are `model_index.json` and, in the folders of its components, configurations, safetensors and
    tokenizer files. What else lies there (a README, pictures, pickles that are never read, weights of another
    variant) has no part in it, nor have the weights of the components in `without`.
    """
    total = hashlib.sha256(b"filmforge.weights/1\n")
    for path in _files(folder, variant, without):
        total.update(f"{path.relative_to(folder).as_posix()}\0{content_of(path, hasher)}\n".encode())
    return total.hexdigest()


def hub_snapshot(repo: str, revision: str) -> tuple[str | None, Path | None]:
    """The commit that `revision` of `repo` is in the hub's cache, and where that lies; None for what is not known.

    The cache's layout is documented; the hub's client is not imported for it. Nothing says that the folder is whole.
    """
    cache = hub_cache() / f"models--{repo.replace('/', '--')}"
    reference = cache / "refs" / revision
    commit = revision if _COMMIT.fullmatch(revision) else None
    if commit is None and ".." not in reference.parts and reference.is_file():
        commit = reference.read_text().strip()
    return commit, cache / "snapshots" / commit if commit else None


def hub_cache() -> Path:
    """The folder that downloads from the hub go into, which other tools share."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")


def _in_hub_cache(
    facts: Facts, repo: str, revision: str, without: Collection[str], hasher: Callable[[Path], str]
) -> Weights:
    commit, folder = hub_snapshot(repo, revision)
    # A snapshot that was broken off has an index and lacks weights: it counts as not there, to be fetched.
    if folder is None or lacking(folder, facts.variant, without):
        return Weights(facts.id, None, repo, commit)
    return Weights(facts.id, folder, repo, commit, _checked(facts, folder, without, hasher).digest)


def _checked(facts: Facts, folder: Path, without: Collection[str], hasher: Callable[[Path], str]) -> Weights:
    missing = lacking(folder, facts.variant, without)
    if missing:
        raise WeightsError(f"{facts.id}: {folder} {missing}")
    digest = digest_of(folder, variant=facts.variant, without=without, hasher=hasher)
    return Weights(facts.id, folder, None, None, digest)


def lacking(folder: Path, variant: str | None = None, without: Collection[str] = ()) -> str:
    """What keeps `folder` from being a model in diffusers' layout; empty when nothing does.

    Of the components in `without` only the configurations are asked for.
    """
    if not folder.is_dir():
        return "does not exist, or is not a folder"
    components = components_of(folder)
    if components is None:
        return "holds no readable model_index.json, so it is not a model in diffusers' layout"
    for name, needs_weights in components.items():
        files = list((folder / name).glob("*")) if (folder / name).is_dir() else []
        kept = set(of_variant((file.name for file in files if ".safetensors" in file.name), variant))
        files = [file for file in files if ".safetensors" not in file.name or file.name in kept]
        suffixes = {file.suffix for file in files}
        if not files:
            return f"lacks {name}/, which its model_index.json names"
        if name in without:
            if not (folder / name / "config.json").is_file():
                return f"lacks {name}/config.json, which says how the file of weights is built up"
            continue
        if needs_weights and ".safetensors" not in suffixes:
            if suffixes & _PICKLES:
                return (
                    f"holds {name} as a pickle, which can run code and is never read; "
                    "save it as safetensors (save_pretrained does)"
                )
            return f"holds no weights of {name}: {name}/*.safetensors is missing"
        broken = next((file for file in files if not file.exists()), None)
        if broken is not None:
            return f"lacks {name}/{broken.name}: its link leads nowhere"
        lost = next((part for part in _shards(files) if not (folder / name / part).exists()), None)
        if lost is not None:
            return f"lacks {name}/{lost}, which its index names"
    return ""


def components_of(folder: Path) -> dict[str, bool] | None:
    """The components that model_index.json names -> whether they have weights (a tokenizer has none)."""
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(index, dict):
        return None
    named = {
        name: entry
        for name, entry in index.items()
        if isinstance(entry, list) and len(entry) == 2 and all(isinstance(word, str) for word in entry)
    }
    light = ("Tokenizer", "Scheduler", "Processor", "FeatureExtractor")
    return {name: not any(word in entry[1] for word in light) for name, entry in named.items()}


def _shards(files: list[Path]) -> list[str]:
    indexes = [file for file in files if ".safetensors.index." in file.name and file.suffix == ".json"]
    names: set[str] = set()
    for index in indexes:
        try:
            names.update(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, AttributeError):
            names.add(index.name + " (unreadable)")
    return sorted(names)


def _files(folder: Path, variant: str | None, without: Collection[str]) -> list[Path]:
    components = components_of(folder) or {}
    inside = [path for name in components for path in (folder / name).rglob("*") if path.is_file()]
    names = (path.relative_to(folder).as_posix() for path in inside)
    return [folder / name for name in needed(names, components, variant=variant, without=without)]


def needed(
    names: Iterable[str], components: Iterable[str], *, variant: str | None, without: Collection[str] = ()
) -> list[str]:
    """Of the files of a model in diffusers' layout, by their path in it, those that rendering reads.

    Repositories also hold the same weights in other precisions, and as single files beside the components: of each
    component these are the weights of `variant`, where it has some. `without` names components whose weights are not
    wanted.
    """
    chosen = ["model_index.json"]
    offered = [PurePosixPath(name) for name in names]
    for component in sorted(components):
        inside = [n for n in offered if len(n.parts) > 1 and n.parts[0] == component and n.suffix in _MATTERS]
        weights = [n for n in inside if ".safetensors" in n.name]
        kept = set() if component in without else set(of_variant((n.name for n in weights), variant))
        chosen += sorted(str(n) for n in inside if n not in weights or n.name in kept)
    return chosen


def of_variant(names: Iterable[str], variant: str | None) -> list[str]:
    """Of a component's files of weights those of `variant`, where there are any; else those of none."""
    every = list(names)
    apart = {v: [name for name in every if f".{v}" in name] for v in _VARIANTS}
    if variant is not None and apart.get(variant):
        return apart[variant]
    return [name for name in every if not any(name in found for found in apart.values())] or every


def content_of(path: Path, hasher: Callable[[Path], str] = sha256_of) -> str:
    """A file's SHA-256. The hub's cache names large files by theirs, which is checked: once, where `hasher` remembers.

    WeightsError where the file is damaged.
    """
    if path.is_symlink():
        target = path.resolve()
        if target.parent.name == "blobs" and _SHA256.fullmatch(target.name):
            digest = hasher(target)  # one file, however many snapshots link to it
            if digest != target.name:
                raise WeightsError(
                    f"{path.name} is not what the hub has: its download is damaged. Remove {target} and run "
                    "filmforge fetch"
                )
            return digest
    return hasher(path)
