"""`filmforge gc`: free space in a store."""

from __future__ import annotations

from pathlib import Path

import click

from filmforge.cli.options import film_options, json_option, load_project, print_json, required_film


@click.command()
@required_film
@film_options
@click.option("--dry-run", is_flag=True, help="Say what would be dropped; drop nothing.")
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="DAYS",
    help="Drop only results older than this.",
)
@json_option
def gc(
    film: Path,
    profile: str | None,
    overrides: tuple[str, ...],
    store: Path | None,
    dry_run: bool,
    older_than: float,
    as_json: bool,
) -> None:
    """Drop results that the film, as it is now and in each of its profiles, does not need."""
    from filmforge.cli.screen import size
    from filmforge.project import needed_keys
    from filmforge.store import Store

    project = load_project(film, profile, overrides, store)
    keep = needed_keys(project, overrides)
    report = Store(project.store_root).gc(keep, max_age=older_than * 86_400, dry_run=dry_run)
    if as_json:
        steps = [{"key": key, "step": step} for key, step in report.records]
        print_json({"dry_run": dry_run, "freed": report.freed, "kept": report.kept, "records": steps})
        return
    verb = "would free" if dry_run else "freed"
    click.echo(f"{verb} {size(report.freed)} in {len(report.records)} results; {size(report.kept)} stay")
