"""Whether what a film delivers can be written where it goes, without replacing what the film is made from."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path as FilePath
from pathlib import PurePosixPath
from typing import NamedTuple

from filmforge.language.checking import Checking
from filmforge.language.delivered import default_file, with_profile, written_for
from filmforge.language.file_rules import Named, files_of
from filmforge.language.reading import Path
from filmforge.language.scalars import shown

_Identity = tuple[int, int]
"""What tells that two paths lead to one file or folder, however they are written: device and inode."""


_LONGEST = 200
"""The bytes of a delivered file's name: file systems hold 255, and what is written beside it has a longer one."""


class _Target(NamedTuple):
    """A delivery: its place in the film, none where the film goes to its default, and what is written for it."""

    path: Path
    files: tuple[str, ...]


def check_deliveries(
    checking: Checking,
    film_file: FilePath,
    profile: str | None,
    own: bool,
    line_of: Callable[[Path], int],
    without: Iterable[tuple[Named, int]] = (),
) -> None:
    """Report deliveries that cannot be written, or would replace what the film is made from, or one another.

    `own` says that the profile has its own `deliver`, so that its name does not enter theirs. `line_of` tells
    where a path was written. `without` are the files that the film reads without the profile, with their lines.
    """
    targets = list(_targets(checking, film_file, profile, own))
    _check_apart(checking, film_file.parent, targets)
    for target in targets:
        if _longest(target.files[0]) > _LONGEST and profile and not own:
            checking.fail(
                ("profiles", profile),
                f"makes {shown(target.files[0])} too long for a file's name; give the profile a shorter one",
            )
        elif wrong := _unwritable(film_file.parent, target.files):
            checking.fail(target.path, wrong)
    who = f"the profile '{profile}'" if profile else "a build"
    over = _replaced(film_file.parent, targets)
    for named in (*files_of(checking.film), Named((), film_file.name, "text")):
        if not checking.doubtful(named.path) and (found := over(named)):
            _fail_replaced(checking, found, named, line_of(named.path), who)
    read = {one.file for one in files_of(checking.film) if one.sort != "output"}
    for named, line in without:
        if profile and named.file not in read and (found := over(named)):
            target, file = found
            checking.fail(
                target.path or ("profiles", profile),
                f"{shown(file)}, which {who} would write, is what the film without it reads on line {line}; "
                "name another file to deliver",
            )


def _targets(checking: Checking, film_file: FilePath, profile: str | None, own: bool) -> Iterator[_Target]:
    film = checking.film
    if not film.deliver and not checking.doubtful(("deliver",)):
        yield _Target((), written_for(film, default_file(film_file, profile)))
    for name, delivery in film.deliver.items():
        path: Path = ("deliver", name, "file")
        if checking.doubtful(path) or not PurePosixPath(delivery.file).suffix:  # reported where it stands
            continue
        file = with_profile(delivery.file, profile) if profile and not own else delivery.file
        yield _Target(path, written_for(film, file))


def _unwritable(folder: FilePath, files: tuple[str, ...]) -> str:
    """Why a delivery cannot be written as those `files`; nothing where it can."""
    file = files[0]
    if _longest(file) > _LONGEST:
        return (
            f"{shown(file)} is too long for a file's name; name another file, of at most {_LONGEST} letters"
        )
    for above in reversed(FilePath(file).parents):
        if _identity(folder, str(above)) and not (folder / above).is_dir():
            return f"{shown(file)} cannot be written: {shown(str(above))} is no folder; name another file"
    for beside in files[1:]:
        if _identity(folder, beside) and (folder / beside).is_dir():
            return f"{shown(beside)}, which is written beside {shown(file)}, is a folder; name another file"
    return ""


def _longest(file: str) -> int:
    """The bytes of the longest name in a path."""
    return max(len(name.encode("utf-8", "surrogatepass")) for name in FilePath(file).parts)


def _check_apart(checking: Checking, folder: FilePath, targets: list[_Target]) -> None:
    """Report deliveries that only links bring to one file; where their paths do, that is reported already."""
    taken: dict[str, str] = {}
    for target in targets:
        file = target.files[0]
        real = os.path.realpath(folder / file)
        if posixpath.normpath(taken.setdefault(real, file)) != posixpath.normpath(file):
            checking.fail(
                target.path, f"{shown(file)} is the same file as {shown(taken[real])}; name another file"
            )


def _replaced(folder: FilePath, targets: list[_Target]) -> Callable[[Named], tuple[_Target, str] | None]:
    """Tells of a file that a film reads which target, with which of its files, goes over it, or among its photos."""
    there: dict[_Identity, tuple[_Target, str]] = {}
    around: dict[_Identity, tuple[_Target, str]] = {}
    for target in targets:
        for file in target.files:
            if found := _identity(
                folder, os.path.realpath(folder / file)
            ):  # `new/..` too: a build makes `new`
                there.setdefault(found, (target, file))
        if found := _identity(folder, os.path.realpath((folder / target.files[0]).parent)):
            around.setdefault(found, (target, target.files[0]))

    def over(named: Named) -> tuple[_Target, str] | None:
        found = _identity(folder, named.file) if named.sort != "output" else None
        if found is None:
            return None
        if named.sort == "photos":
            return around.get(found) or _linked(folder, named.file, there)
        return there.get(found)

    return over


def _fail_replaced(
    checking: Checking, replaced: tuple[_Target, str], named: Named, line: int, who: str
) -> None:
    """Report the file that would be written over what is read, where the one or the other is named."""
    target, file = replaced
    if target.path:
        read = (
            f"among the photos of line {line}"
            if named.sort == "photos"
            else (f"read by the film on line {line}" if named.path else "the film file")
        )
        checking.fail(
            target.path, f"{shown(file)}, which {who} would write, is {read}; name another file to deliver"
        )
    else:
        checking.fail(
            named.path,
            f"{shown(file)} is read here, and {who} would write over it; name another file, or say with "
            "`deliver` where the film goes",
        )


def _linked(
    folder: FilePath, photos: str, there: dict[_Identity, tuple[_Target, str]]
) -> tuple[_Target, str] | None:
    """Which of those `there` a link in the folder of `photos` leads to."""
    try:
        links = [one.name for one in os.scandir(folder / photos) if one.is_symlink()]
    except OSError:
        return None  # reported with the files
    found = (_identity(folder, f"{photos}/{name}") for name in links)
    return next((there[one] for one in found if one in there), None)


def _identity(folder: FilePath, file: str) -> _Identity | None:
    try:
        found = (folder / file).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
