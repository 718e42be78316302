"""`filmforge check`: every error in the film file, with its place."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from filmforge.cli.options import film_options, json_option, print_json, required_film


@click.command()
@required_film
@film_options
@json_option
def check(
    film: Path, profile: str | None, overrides: tuple[str, ...], store: Path | None, as_json: bool
) -> None:
    """Check a film: every error at once, as file:line:column: message. Exit status 2 if there is one."""
    from filmforge.errors import FilmError
    from filmforge.project import load

    try:
        project = load(film, profile=profile, overrides=overrides, store=store, decode=True)
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
    shots = len(project.film.shots())
    if as_json:
        print_json({"film": str(project.path), "errors": [], "shots": shots})
        return
    click.echo(f"{project.path}: {shots} shots in {len(project.film.scenes)} scenes, no errors")
