"""`filmforge why`: why a step is, or is not, up to date."""

from __future__ import annotations

from pathlib import Path

import click

from filmforge.cli.options import film_options, json_option, load_project, print_json, required_film


@click.command()
@required_film
@click.argument("name")
@film_options
@json_option
def why(
    film: Path, name: str, profile: str | None, overrides: tuple[str, ...], store: Path | None, as_json: bool
) -> None:
    """Say why NAME is, or is not, up to date. NAME is a step, a shot, a character, or a delivery."""
    from filmforge.cli.named import steps_named
    from filmforge.project import plan as make_plan

    planned = make_plan(load_project(film, profile, overrides, store))
    found = steps_named(planned, name)
    if as_json:
        steps = [
            p.to_json() | ({"says": planned.words.sentence(p)} if p.state != "cached" else {}) for p in found
        ]
        print_json({"name": name, "steps": steps})
        return
    for p in found:
        if p.record is not None and p.state == "cached":
            made = p.record.made_at.replace("T", " ").removesuffix("Z")
            click.echo(f"{p.step.name} is up to date: made {made} UTC, and nothing it is made from changed")
        else:
            click.echo(planned.words.sentence(p))
