"""What git revisions of a film need of its store, read from git's objects: nothing is checked out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from filmforge.language.load import load_text
from filmforge.project import Project, plan
from filmforge.revisions.between import room_for_copies
from filmforge.revisions.git import Repository
from filmforge.revisions.reading import film_at


def keys_of_revisions(
    project: Project, revisions: Sequence[str], overrides: Sequence[str] = ()
) -> dict[str, set[str]]:
    """The keys of all results that the film needs as each of `revisions` has it, in each of its profiles there.

    Raises UsageError where git, a revision or the film in it is missing, FilmError or WeightsError where what a
    revision needs cannot be told: then nothing should be dropped.
    """
    needed: dict[str, set[str]] = {}
    if not revisions:
        return needed
    film = project.path
    repository = Repository(film)
    with room_for_copies(project.store_root) as where:
        for number, name in enumerate(revisions):
            keys = needed.setdefault(name, set())
            for turn, profile in enumerate((None, *_profiles(repository, film, name, overrides))):
                into = Path(where) / f"{number}.{turn}"
                into.mkdir()
                found = film_at(
                    repository,
                    film,
                    name,
                    into,
                    profile=profile,
                    overrides=overrides,
                    store_root=project.store_root,
                )
                keys |= {p.record.key for p in plan(found.project).steps.values() if p.record is not None}
    return needed


def _profiles(repository: Repository, film: Path, revision: str, overrides: Sequence[str]) -> list[str]:
    """The names of the profiles that the film has at `revision`; none where `film_at` will say what is wrong."""
    commit = repository.commit(revision)
    for entry in repository.listed(commit, [repository.film]):
        text = repository.text(entry).decode("utf-8-sig", "replace")
        return list(load_text(text, f"{revision}:{film.name}", overrides=overrides).film.profiles)
    return []
