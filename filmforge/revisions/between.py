"""Two revisions of a film held against each other: what differs, and what a build of the second would make."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filmforge.errors import FilmforgeError, UsageError
from filmforge.language.load import load_with_source
from filmforge.project import Plan, Project, plan
from filmforge.revisions.compare import Difference, Side, compare
from filmforge.revisions.git import Repository
from filmforge.revisions.reading import Revision, film_at
from filmforge.store import Store

WORKING_COPY = "the working copy"


@dataclass(frozen=True, slots=True)
class Between:
    """What differs from `old` to `new` (revisions as they were given), and what a build of `new` would make.

    `commits` are their commits; None for the working copy. `trouble` says why nothing can be said of a build.
    """

    film: Path
    old: str
    new: str
    commits: tuple[str, str | None]
    differences: tuple[Difference, ...]
    makes: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    trouble: str

    def to_json(self) -> dict[str, Any]:
        new = None if self.commits[1] is None else self.new
        return {
            "film": str(self.film),
            "from": {"revision": self.old, "commit": self.commits[0]},
            "to": {"revision": new, "commit": self.commits[1]},
            "differences": [difference.to_json() for difference in self.differences],
            "makes": list(self.makes),
            "notes": list(self.notes),
            "trouble": self.trouble or None,
        }


def between(
    film: Path, revisions: Sequence[str], *, profile: str | None, overrides: Sequence[str], store_root: Path
) -> Between:
    """Compare the film at one revision with the working copy, or at the first of two with the second.

    Raises UsageError where git, the repository, a revision or the film in it is missing; FilmError where a version
    of the film is wrong.
    """
    repository = Repository(film)
    if repository.bare and len(revisions) == 1:
        raise UsageError("a bare repository has no working copy to compare with; name two revisions")
    with room_for_copies(store_root) as room:
        read: list[Project] = []
        notes: list[str] = []
        commits: list[str | None] = []
        for number, name in enumerate(revisions):
            into = room / str(number)
            into.mkdir()
            found = film_at(
                repository, film, name, into, profile=profile, overrides=overrides, store_root=store_root
            )
            read.append(found.project)
            commits.append(found.commit)
            notes += _notes(found)
        if len(revisions) == 1:
            loaded = load_with_source(film, profile=profile, overrides=tuple(overrides))
            read.append(Project(loaded, film, profile, tuple(overrides), store_root))
            commits.append(None)
        plans = [_planned(project) for project in read]
        differences = compare(*(_side(project, made) for project, (made, _) in zip(read, plans, strict=True)))
        made, trouble = plans[1]
        makes = []
        if made is not None:
            notes += [n for n in made.notes if n not in notes]
            for p in made.resolution.stale():
                says = made.words.sentence(p)
                makes.append({"step": p.step.name, "kind": p.step.kind, "state": p.state, "says": says})
    assert commits[0] is not None
    return Between(
        film,
        revisions[0],
        revisions[1] if len(revisions) == 2 else WORKING_COPY,
        (commits[0], commits[1]),
        tuple(differences),
        tuple(makes),
        tuple(notes),
        trouble.replace(f"{room}/1/", "") if trouble else "",
    )


def _planned(project: Project) -> tuple[Plan | None, str]:
    """The plan of a version; or what keeps it from being planned, such as weights that are gone."""
    try:
        made = plan(project)
    except FilmforgeError as error:
        return None, str(error)
    return made, "\n".join(map(str, made.refused))


def _side(project: Project, made: Plan | None) -> Side:
    digest = Store(project.store_root).sources.digest

    def contents(path: str) -> Mapping[str, str]:
        there = project.folder / path
        files = sorted(p for p in there.rglob("*") if p.is_file()) if there.is_dir() else [there]
        return {f.relative_to(project.folder).as_posix(): digest(f) for f in files if f.is_file()}

    return Side(project.film, made.outline.timeline.frames if made else None, contents)


def _notes(revision: Revision) -> list[str]:
    return [
        f"{path} is not in git; for {revision.name}, too, it is taken as it is in the working copy"
        for path in revision.not_in_git
    ]


@contextmanager
def room_for_copies(store_root: Path) -> Iterator[Path]:
    """A folder to copy revisions to, gone afterwards: in the store, where there is one."""
    if (store_root / "store.json").is_file():
        room = Store(store_root).new_file()
        room.mkdir()
    else:
        room = Path(tempfile.mkdtemp(prefix="filmforge-"))
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)
