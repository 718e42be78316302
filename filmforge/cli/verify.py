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
    """Read every stored byte. What is damaged is forgotten, and made again by the next build."""
    from filmforge.cli.screen import size
    from filmforge.store import Store

    project = load_project(film, profile, overrides, store)
    report = Store(project.store_root).verify()
    if as_json:
        print_json(
            {
                "sound": report.sound,
                "files": report.blobs,
                "bytes": report.bytes,
                "damaged": list(report.damaged),
                "steps": list(report.steps),
            }
        )
    else:
        for step in report.steps:
            click.echo(f"damaged, and made again by the next build: {step}")
        click.echo(f"{report.blobs} files, {size(report.bytes)} checked; {len(report.damaged)} damaged")
    if not report.sound:
        sys.exit(1)
