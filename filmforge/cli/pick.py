"""`filmforge pick`: the take that is in the cut, written into the film."""

from __future__ import annotations

from pathlib import Path

import click

from filmforge.cli.options import json_option, load_project, print_json, required_film


@click.command()
@required_film
@click.argument("shot")
@click.argument("seed", type=click.IntRange(min=0))
@json_option
def pick(film: Path, shot: str, seed: int, as_json: bool) -> None:
    """Choose SEED, one of the takes of SHOT (scene/shot), for the cut. The next build uses it."""
    from filmforge.language.edit import set_pick

    project = load_project(film, None, (), None)
    set_pick(project.path, shot, seed)
    if as_json:
        print_json({"film": str(project.path), "shot": shot, "pick": seed})
    else:
        click.echo(f"{shot}: take {seed} is in the cut")
