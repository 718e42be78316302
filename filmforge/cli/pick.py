"""`filmforge pick`: the take that is in the cut, written into the film."""

from __future__ import annotations

from pathlib import Path

import click

from filmforge.cli.options import load_project, required_film


@click.command()
@required_film
@click.argument("shot")
@click.argument("seed", type=click.IntRange(min=0))
def pick(film: Path, shot: str, seed: int) -> None:
    """Choose SEED, one of the takes of SHOT (scene/shot), for the cut. The next build uses it."""
    from filmforge.language.edit import set_pick

    project = load_project(film, None, (), None)
    set_pick(project.path, shot, seed)
    click.echo(f"{shot}: take {seed} is in the cut")
