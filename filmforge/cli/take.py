"""`filmforge take`: a fresh take of a shot, written into the film and rendered."""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path

import click

from filmforge.cli.options import film_options, json_option, load_project, required_film, told


@click.command()
@required_film
@click.argument("shot")
@click.option("--seed", type=click.IntRange(min=0), help="The take's seed; drawn if absent.")
@film_options
@json_option
def take(
    film: Path,
    shot: str,
    seed: int | None,
    profile: str | None,
    overrides: tuple[str, ...],
    store: Path | None,
    as_json: bool,
) -> None:
    """Add a take with a fresh seed to SHOT (scene/shot) in the film file, and render it. The cut keeps its pick."""
    from filmforge.errors import UsageError
    from filmforge.language.edit import add_take
    from filmforge.making import build

    drawn = seed if seed is not None else secrets.randbelow(2**31)
    project = load_project(film, profile, overrides, store)
    shots = {f"{scene.id}/{one.id}" for _, scene, one in project.film.placed_shots()}
    if profile and shot not in shots:  # else it is written, and then refused
        raise UsageError(f"with the profile '{profile}' there is no shot called '{shot}' to render")
    add_take(project.path, shot, drawn)
    project = load_project(film, profile, overrides, store)
    if as_json:
        click.echo(json.dumps({"event": "take", "shot": shot, "seed": drawn}))
    else:
        click.echo(f"{shot}: take {drawn}; to put it in the cut: filmforge pick {film} {shot} {drawn}")
    with told(as_json) as on_event:
        result = build(project, only=[shot], steps=[f"render/{shot}@{drawn}"], on_event=on_event)
    if not result.ok:
        sys.exit(1)
