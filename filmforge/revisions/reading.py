"""A film as a git revision has it: its text and the files that it names, copied to where a plan can read them.

Only what the film names is copied. Of large files that Git LFS keeps, the pointer's own file is taken. A file that
git does not hold at all (footage is often left out) is taken from the working copy.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filmforge.errors import FilmforgeError, UsageError
from filmforge.language.film import Film
from filmforge.language.load import load_text
from filmforge.project import Project
from filmforge.revisions.git import Entry, Repository

_POINTER = re.compile(rb"version https://git-lfs[^\n]*\n(?:[^\n]*\n)*?oid sha256:([0-9a-f]{64})\n")
_LONGEST_POINTER = 1024


@dataclass(frozen=True, slots=True)
class Revision:
    """A film at a revision: `name` as it was given, the commit, the film, and files that git does not hold."""

    name: str
    commit: str
    project: Project
    not_in_git: tuple[str, ...]


def film_at(
    repository: Repository,
    film: Path,
    revision: str,
    into: Path,
    *,
    profile: str | None,
    overrides: Sequence[str],
    store_root: Path,
) -> Revision:
    """Read the film at `revision`. Its files are copied to the folder `into`, which must be empty.

    Raises UsageError for a revision that there is not, or that lacks the film; FilmError for a film that is wrong.
    """
    commit = repository.commit(revision)
    entry = next((e for e in repository.listed(commit, [repository.film]) if e.path == repository.film), None)
    if entry is None:
        raise UsageError(
            f"there is no {repository.film} in {revision} ({commit[:12]}); "
            f"`git log --all -- {film.name}` lists the revisions that have it"
        )
    name = f"{revision}:{film.name}"
    try:
        text = repository.text(entry).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8 text") from None
    # Named after the film's own folder, since a film that declares no delivery is.
    folder = into / (film.absolute().parent.name or "film")
    folder.mkdir()
    (folder / film.name).write_text(text, encoding="utf-8")
    named = named_files(load_text(text, name, profile=profile, overrides=overrides).film)
    lock = PurePosixPath(film.name).with_suffix(".lock").name
    absent = _copy(repository, commit, [*named, lock], folder)
    from_here = [
        path for path in named if path in absent and _untracked(repository, film.parent, path, folder)
    ]
    loaded = load_text(text, name, folder=folder, profile=profile, overrides=overrides)
    project = Project(loaded, folder / film.name, profile, tuple(overrides), store_root, home=film.absolute())
    return Revision(revision, commit, project, tuple(from_here))


def named_files(film: Film) -> list[str]:
    """The files and folders that a film is made from, as it names them, each once."""
    from filmforge.language.file_rules import files_of

    return list(dict.fromkeys(one.file for one in files_of(film) if one.sort != "output"))


def _copy(repository: Repository, commit: str, files: Iterable[str], folder: Path) -> set[str]:
    """Copy what the commit has of `files`, relative to the film, to `folder`. Returns those it has nothing of."""
    base = posixpath.dirname(repository.film)
    wanted = {posixpath.normpath(posixpath.join(base, file)): file for file in files}
    absent = set(wanted.values())
    for entry in repository.listed(commit, wanted):
        above = (entry.path, *map(str, PurePosixPath(entry.path).parents))
        absent -= {wanted[path] for path in above if path in wanted}
        inside = PurePosixPath(os.path.relpath(entry.path, base or "."))
        if ".." in inside.parts or ".git" in inside.parts or inside.is_absolute():
            raise UsageError(f"{entry.path}: a path that leads out of the project is not read")
        target = folder / inside
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(repository, entry, target)
    return absent


def _write(repository: Repository, entry: Entry, target: Path) -> None:
    try:
        repository.write(entry, target)
        if target.stat().st_size <= _LONGEST_POINTER and (pointer := _POINTER.match(target.read_bytes())):
            kept = repository.large_file(pointer[1].decode())
            if kept.is_file():
                shutil.copyfile(kept, target)
    except OSError as error:
        raise FilmforgeError(f"{entry.path} cannot be read from git: {error.strerror}") from None


def _untracked(repository: Repository, beside: Path, file: str, folder: Path) -> bool:
    """Take a file that git does not hold from the working copy. False where git holds it, or it is not there."""
    there = beside / file
    if repository.bare or not there.exists() or repository.tracks(there):
        return False
    target = folder / file
    target.parent.mkdir(parents=True, exist_ok=True)
    if there.is_dir():
        shutil.copytree(there, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copyfile(there, target)
    return True
