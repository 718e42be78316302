"""Single files of a repository on the Hugging Face hub: which are on this machine, by digest, and how they are fetched.

What a film names so is a LoRA or a transformer as safetensors or GGUF. Only `fetch_files` and `about_files` use a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from filmforge.errors import WeightsError
from filmforge.video_models.hub import asking, licence_among
from filmforge.video_models.lora_file import PEFT_CONFIG
from filmforge.video_models.weights import content_of, hub_snapshot, sha256_of

_PEFT = "adapter_model.safetensors"
"""What peft calls a LoRA whose alpha stands beside it."""


@dataclass(frozen=True, slots=True)
class HubFiles:
    """Files of `repo`, by their path in it: where those are that are here, and the digests as far as known.

    `revision` is the one that the film declares, `commit` what it was found to be; `locked` says that a lock pins that
    commit. A digest of a file that is not here is the lock's.
    """

    repo: str
    names: tuple[str, ...]
    revision: str | None = None
    commit: str | None = None
    locked: bool = False
    paths: Mapping[str, Path] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def absent(self) -> tuple[str, ...]:
        """What is not on this machine, with its repository: `owner/name/file`."""
        return tuple(f"{self.repo}/{name}" for name in self.names if name not in self.paths)

    @property
    def pinned(self) -> tuple[str, ...]:
        """The files as people name them, with their commit: `owner/name@commit/file`."""
        return tuple(f"{self.repo}@{self.commit or 'unresolved'}/{name}" for name in self.names)

    def called(self, name: str) -> str:
        """What a file is called where files of the project are named too, none of which is an address."""
        return f"hf://{self.repo}/{name}"

    def identity(self, name: str) -> str:
        """What stands for a file in a key: its digest, or repository, commit and path until that is known."""
        return self.digests.get(name) or f"hf://{self.repo}@{self.commit or 'unresolved'}/{name}"


def with_companions(names: Iterable[str]) -> tuple[str, ...]:
    """The files, and what peft writes beside those that it names, which is read with them."""
    named = list(names)
    beside = [str(PurePosixPath(n).with_name(PEFT_CONFIG)) for n in named if PurePosixPath(n).name == _PEFT]
    return tuple(dict.fromkeys([*named, *beside]))


def find_files(
    repo: str,
    names: Iterable[str],
    revision: str | None,
    *,
    commit: str | None = None,
    known: Mapping[str, str] | None = None,
    hasher: Callable[[Path], str] = sha256_of,
) -> HubFiles:
    """The files of `repo` that the hub's cache has at `commit`, which a lock pins, else at `revision`.

    `known` are the digests that the lock has. WeightsError where a file is damaged.
    """
    wanted = tuple(names)
    found, snapshot = hub_snapshot(repo, commit or revision or "main")
    paths = {n: snapshot / n for n in wanted if (snapshot / n).is_file()} if snapshot else {}
    digests = {name: content_of(path, hasher) for name, path in paths.items()}
    lacking = {name: (known or {})[name] for name in wanted if name not in paths and name in (known or {})}
    return HubFiles(repo, wanted, revision, found, commit is not None, paths, {**lacking, **digests})


@dataclass(frozen=True, slots=True)
class About:
    """What the hub says of files before they are downloaded: bytes of those not here yet, the commit, the licence."""

    bytes: int
    commit: str
    licence: str | None


def about_files(files: HubFiles) -> About:
    """Ask the hub for size, commit and licence. WeightsError where it cannot be asked, or has no such file."""
    size, commit = 0, files.commit if files.locked else None
    for name in files.names:
        told = _asked(files, name, commit, dry_run=True)
        commit = told.commit_hash
        size += (told.file_size or 0) if told.will_download else 0
    return About(size, str(commit), _licence(files.repo, str(commit)))


def fetch_files(files: HubFiles) -> str:
    """Download the files into the hub's cache, all at one commit, which is returned.

    That is the one that the lock pins, if it does; then what comes must be what the lock has, or WeightsError says so.
    """
    commit = files.commit if files.locked else None
    for name in files.names:
        path = Path(_asked(files, name, commit))
        commit = path.parents[len(PurePosixPath(name).parts) - 1].name
        if files.locked and files.digests.get(name, digest := content_of(path)) != digest:
            raise WeightsError(
                f"{files.repo}/{name} at commit {commit} is not the file that film.lock pins: {digest} and not "
                f"{files.digests[name]}. Ask who wrote the lock; to take what is there, remove the line from film.lock"
            )
    return str(commit)


def _asked(files: HubFiles, name: str, commit: str | None, *, dry_run: bool = False) -> Any:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    revision = commit or files.revision or "main"
    with asking(f"{files.repo}/{name}"):
        try:
            return hf_hub_download(files.repo, name, revision=revision, dry_run=dry_run)
        except EntryNotFoundError as error:
            if isinstance(error, LocalEntryNotFoundError):  # which is said where the hub cannot be reached
                raise
            raise WeightsError(
                f"{files.repo} has no file {name} at {revision}; look at its page for the name"
            ) from None


def _licence(repo: str, commit: str) -> str | None:
    """What the repository says its licence is; None where it says nothing."""
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(repo, revision=commit)
    except (
        Exception
    ):  # the transport's errors differ between versions of the client, and a file was told of already
        return None
    return licence_among(info.tags or ())
