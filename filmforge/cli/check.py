"""`filmforge check`: every error in the film file, with its place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from filmforge.cli.options import film_options, json_option, print_json, required_film
from filmforge.cli.screen import counted

if TYPE_CHECKING:
    from filmforge.language.file_rules import Media


@click.command()
@required_film
@film_options
@json_option
def check(
    film: Path, profile: str | None, overrides: tuple[str, ...], store: Path | None, as_json: bool
) -> None:
    """Check a film: every error at once, as file:line:column: message. Exit status 2 if there is one."""
    # Not through filmforge.project, which imports what plans and builds need: this runs at every save.
    from filmforge.errors import FilmError
    from filmforge.language.load import load
    from filmforge.places import film_file

    path = film_file(film)
    try:
        loaded = load(path, profile=profile, overrides=overrides, look_into=_media)
    except FilmError as error:
        if not as_json:
            raise
        print_json(
            {
                "film": str(film),
                "errors": [
                    {
                        "file": p.file,
                        "line": p.line,
                        "column": p.column,
                        "where": p.where,
                        "message": p.message,
                    }
                    for p in error.problems
                ],
            }
        )
        sys.exit(2)
    shots = len(loaded.shots())
    if as_json:
        print_json({"film": str(path), "errors": [], "shots": shots})
        return
    click.echo(f"{path}: {counted(shots, 'shot')} in {counted(len(loaded.scenes), 'scene')}, no errors")


def _media(path: Path) -> Media:
    from filmforge.editing.probe import glance
    from filmforge.language.file_rules import Media

    return Media(*glance(path))
