"""The Hugging Face hub, asked and downloaded from with its own client. `filmforge fetch` alone uses a network through it."""

from __future__ import annotations

import glob
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filmforge.errors import WeightsError
from filmforge.video_models.weights import components_of, hub_cache, hub_snapshot, needed

_INDEX = "model_index.json"


@dataclass(frozen=True, slots=True)
class Listing:
    """What a repository has at a commit: bytes by the files' paths in it, and the licence that its page names."""

    repo: str
    commit: str
    files: Mapping[str, int]
    licence: str | None

    def bytes_of(self, names: Collection[str]) -> int:
        """How much of these files is not in the hub's cache yet."""
        _, snapshot = hub_snapshot(self.repo, self.commit)
        return sum(self.files[name] for name in names if snapshot is None or not (snapshot / name).is_file())


def listing(repo: str, revision: str) -> Listing:
    """Ask the hub what `repo` has at `revision`, a branch or a commit. WeightsError where it cannot say."""
    from huggingface_hub import HfApi

    with asking(repo):
        info = HfApi().model_info(repo, revision=revision, files_metadata=True)
    files = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    return Listing(repo, str(info.sha), files, licence_among(info.tags or ()))


def model_files(
    there: Listing, *, variant: str | None = None, without: Collection[str] = ()
) -> tuple[str, ...]:
    """The files of a model in diffusers' layout that rendering reads: not all precisions, no single files, no pickles.

    Its index is looked at for that, and left where it is. WeightsError where the repository has none.
    """
    from huggingface_hub import hf_hub_download

    if _INDEX not in there.files:
        raise WeightsError(
            f"{there.repo} at {there.commit} has no {_INDEX}, so it is not a model in diffusers' layout"
        )
    with tempfile.TemporaryDirectory() as folder, asking(f"{there.repo}/{_INDEX}"):
        index = hf_hub_download(there.repo, _INDEX, revision=there.commit, cache_dir=folder)
        components = components_of(Path(index).parent)
    if components is None:
        raise WeightsError(f"{there.repo} at {there.commit} has an unreadable {_INDEX}")
    return tuple(needed(there.files, components, variant=variant, without=without))


def download(there: Listing, names: Collection[str], revision: str) -> Path:
    """Download these files of the repository into the hub's cache, which knows them as those of `revision`; the folder.

    What broke off goes on where it was. WeightsError where it cannot be had.
    """
    from huggingface_hub import snapshot_download

    with asking(there.repo):
        found = snapshot_download(
            there.repo, revision=revision, allow_patterns=[glob.escape(name) for name in names]
        )
    return Path(found)


def free_space() -> int:
    """Bytes that are free where downloads go."""
    place = hub_cache().absolute()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    return shutil.disk_usage(there).free


def licence_among(tags: Collection[str]) -> str | None:
    """The licence that the tags of a repository name."""
    prefix = "license:"
    return next((tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)), None)


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Whatever the hub's client raises meanwhile is a WeightsError that says what could not be fetched, and why."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        yield
    except WeightsError:
        raise
    except GatedRepoError as error:
        raise WeightsError(
            f"{what} could not be fetched: its licence must be accepted on its page first, by the account whose token "
            "`hf auth login` keeps"
        ) from error
    except RepositoryNotFoundError as error:
        raise WeightsError(
            f"{what} could not be fetched: the hub has no such repository, or one that is private, which takes the token "
            "that `hf auth login` keeps"
        ) from error
    except RevisionNotFoundError as error:
        raise WeightsError(f"{what} could not be fetched: the hub has no such revision of it") from error
    except Exception as error:  # the transport's errors have another base in each version of the client
        said = str(error).strip()
        first = said.splitlines()[0] if said else type(error).__name__
        raise WeightsError(f"{what} could not be fetched: {first}") from error
