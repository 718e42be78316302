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
        print_json({"name": name, "steps": [p.to_json() for p in found]})
        return
    verbs = {"run": "runs", "waits": "waits", "cached": "is up to date"}
    for p in found:
        because = f": {'; '.join(p.because)}" if p.because else ""
        if p.state == "cached" and p.record is not None:
            made = p.record.made_at.replace("T", " ").removesuffix("Z")
            because = f": made {made} UTC, and nothing it is made from changed"
        click.echo(f"{p.step.name} {verbs[p.state]}{because}")
