"""`filmforge diff`: what differs between two revisions of a film, and what a build of the second would make."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filmforge.cli.options import film_options, json_option, print_json, required_film

if TYPE_CHECKING:
    from filmforge.revisions.between import Between

_WORDS = {"added": "is new", "removed": "is gone"}


@click.command()
@required_film
@click.argument("revisions", nargs=-1, metavar="REV [REV]")
@film_options
@json_option
@click.option("--exit-code", is_flag=True, help="Exit with status 1 if the film differs.")
def diff(
    film: Path,
    revisions: tuple[str, ...],
    profile: str | None,
    overrides: tuple[str, ...],
    store: Path | None,
    as_json: bool,
    exit_code: bool,
) -> None:
    """Compare the film at git revision REV with the working copy, or with a second REV.

    Says what differs by shot, character, style and cut, and what a build of the second would have to make. The
    working copy and the repository are left as they are.

    \b
    filmforge diff film.yaml HEAD
    filmforge diff film.yaml v1.0 main --exit-code
    """
    from filmforge.errors import UsageError
    from filmforge.places import film_file, store_of
    from filmforge.revisions.between import between

    if not 1 <= len(revisions) <= 2:
        raise UsageError(
            f"{len(revisions)} revisions are named; name one, to compare it with the working copy, or two: "
            "filmforge diff FILM REV [REV]"
        )
    file = film_file(film)
    found = between(file, revisions, profile=profile, overrides=overrides, store_root=store_of(file, store))
    if as_json:
        print_json(found.to_json())
    else:
        _show(found)
    if exit_code and found.differences:
        sys.exit(1)


def _show(found: Between) -> None:
    if not found.differences:
        click.echo(f"nothing in the film differs between {found.old} and {found.new}")
    for difference in found.differences:
        who = " ".join(word for word in (difference.part, difference.name) if word)
        said = _WORDS.get(difference.kind) or "; ".join(difference.says) or "changed"
        click.echo(f"{who}: {said}")
    for note in found.notes:
        click.echo(f"note: {note}")
    click.echo()
    if found.trouble:
        click.echo(f"what a build of {found.new} would make cannot be told:\n{found.trouble}")
    elif not found.makes:
        click.echo(f"a build of {found.new} makes nothing: all of it is in the store")
    else:
        click.echo(f"a build of {found.new} makes {_counted(found.makes)}:")
        for made in found.makes:
            click.echo(f"  {made['says']}")


def _counted(makes: Sequence[dict[str, Any]]) -> str:
    certain = [made["kind"] for made in makes if made["state"] == "run"]
    words = [f"{certain.count(kind)} {kind}" for kind in dict.fromkeys(certain)]
    waiting = len(makes) - len(certain)
    return ", ".join([*words, *([f"and perhaps {waiting} more that rest on those"] if waiting else [])])
