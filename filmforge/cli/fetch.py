"""`filmforge fetch`: download the weights that a film needs."""

from __future__ import annotations

from pathlib import Path

import click

from filmforge.cli.options import film_options, json_option, load_project, print_json, required_film


@click.command()
@required_film
@film_options
@click.option("--dry-run", is_flag=True, help="Say what would be downloaded; download nothing.")
@json_option
def fetch(
    film: Path,
    profile: str | None,
    overrides: tuple[str, ...],
    store: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Download the weights that the film's models and its embedder need. Afterwards all works without a network."""
    from filmforge.fetching import in_words, missing, refuse_too_much
    from filmforge.project import plan
    from filmforge.video_models.hub import free_space

    project = load_project(film, profile, overrides, store)
    wanted = missing(plan(project), guess=dry_run)
    if as_json:
        free = free_space()
        if not dry_run:
            refuse_too_much(wanted)
        weights = [one.to_json() | {"commit": None if dry_run else one.get()} for one in wanted]
        print_json({"film": str(project.path), "weights": weights, "free": free})
        return
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
