"""`filmforge verify`: every stored byte, checked."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from filmforge.cli.options import film_options, json_option, load_project, print_json, required_film


@click.command()
@required_film
@film_options
@json_option
def verify(
    film: Path, profile: str | None, overrides: tuple[str, ...], store: Path | None, as_json: bool
) -> None:
    """Read every stored byte. What is damaged is forgotten, and made again by the next build, as is said."""
    from filmforge.cli.screen import counted, size
    from filmforge.errors import FilmforgeError
    from filmforge.project import plan
    from filmforge.store import Store

    project = load_project(film, profile, overrides, store)
    report = Store(project.store_root).verify()
    again: dict[str, str] = {}
    trouble = ""
    if not report.sound:
        try:
            planned = plan(project)
        except FilmforgeError as error:
            trouble = str(error)
        else:
            again = {p.step.name: planned.words.sentence(p) for p in planned.resolution.stale()}
    if as_json:
        print_json(
            {
                "sound": report.sound,
                "files": report.blobs,
                "bytes": report.bytes,
                "damaged": list(report.damaged),
                "steps": list(report.steps),
                "again": [{"step": step, "says": says} for step, says in again.items()],
            }
        )
    else:
        for step in report.steps:
            click.echo(f"damaged, and forgotten: {step}")
        if report.unreadable:
            click.echo(f"{len(report.unreadable)} records were damaged; of which steps is not known")
        click.echo(
            f"{counted(report.blobs, 'file')}, {size(report.bytes)} checked; {len(report.damaged)} damaged"
        )
        if again:
            click.echo("the next build makes:")
        for says in again.values():
            click.echo(f"  {says}")
        if trouble:
            click.echo(f"what the next build makes is not known: {trouble}")
        elif not report.sound and not again:
            click.echo("the film as it is now needs none of it")
    if not report.sound:
        sys.exit(1)
