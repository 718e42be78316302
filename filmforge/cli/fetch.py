"""`filmforge fetch`: download the weights that a film needs."""

from __future__ import annotations

from pathlib import Path

import click

from filmforge.cli.options import film_options, load_project, required_film


@click.command()
@required_film
@film_options
@click.option("--dry-run", is_flag=True, help="Say what would be downloaded; download nothing.")
def fetch(
    film: Path, profile: str | None, overrides: tuple[str, ...], store: Path | None, dry_run: bool
) -> None:
    """Download the weights that the film's models and its embedder need. Afterwards all works without a network."""
    from filmforge.fetching import in_words, missing, refuse_too_much
    from filmforge.project import plan
    from filmforge.video_models.hub import free_space

    wanted = missing(plan(load_project(film, profile, overrides, store)), guess=dry_run)
    if not wanted:
        click.echo("all weights that the film needs are on this machine")
        return
    for one in wanted:
        size = one.guess if one.bytes is None else in_words(one.bytes)
        click.echo(f"{one.what}: {one.where}, {size}, {one.licence}")
    total = in_words(sum(one.bytes or 0 for one in wanted))
    of_known = " of known size" if any(one.bytes is None for one in wanted) else ""
    click.echo(f"{total}{of_known} to download, {in_words(free_space())} of disk are free")
    if dry_run:
        return
    refuse_too_much(wanted)
    for one in wanted:
        click.echo(f"{one.what}: here, at commit {one.get()}")
