"""`filmforge gc`: free space in a store."""

from __future__ import annotations

import re
from pathlib import Path

import click

from filmforge.cli.options import film_options, json_option, load_project, print_json, required_film

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def _bytes(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """A size as people write it: 50GB, 1.5 TB, 200M."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", value.strip().lower())
    if found is None:
        raise click.BadParameter(f"'{value}' is no size; write 50GB, 500MB or 2TB", context, parameter)
    return int(float(found[1]) * _UNITS[found[2]])


@click.command()
@required_film
@film_options
@click.option("--dry-run", is_flag=True, help="Say what would be dropped; drop nothing.")
@click.option(
    "--keep-rev",
    "revisions",
    multiple=True,
    metavar="REV",
    help="Keep what this git revision of the film needs too; may be given again.",
)
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Drop only results that were made longer ago than this.",
)
@click.option(
    "--max-size",
    callback=_bytes,
    metavar="SIZE",
    help="Drop only the oldest results, until the rest fits in SIZE (50GB, 500MB).",
)
@json_option
def gc(
    film: Path,
    profile: str | None,
    overrides: tuple[str, ...],
    store: Path | None,
    dry_run: bool,
    revisions: tuple[str, ...],
    older_than: float | None,
    max_size: int | None,
    as_json: bool,
) -> None:
    """Drop results that neither the film, as it is now and in each of its profiles, nor a running build needs.

    \b
    filmforge gc film.yaml --dry-run
    filmforge gc film.yaml --keep-rev main --keep-rev v1.0 --older-than 30
    filmforge gc film.yaml --max-size 50GB
    """
    from filmforge.cli.screen import counted, size
    from filmforge.project import needed_keys
    from filmforge.revisions.keeping import keys_of_revisions
    from filmforge.store import Store

    project = load_project(film, profile, overrides, store)
    keep = needed_keys(project, overrides).union(*keys_of_revisions(project, revisions, overrides).values())
    report = Store(project.store_root).gc(
        keep,
        max_age=None if older_than is None else older_than * 86_400,
        max_bytes=max_size,
        dry_run=dry_run,
    )
    if as_json:
        steps = [{"key": key, "step": step} for key, step in report.records]
        print_json({"dry_run": dry_run, "freed": report.freed, "kept": report.kept, "records": steps})
        return
    if dry_run:
        for _, step in report.records:
            click.echo(f"would drop {step}")
    verb = "would free" if dry_run else "freed"
    click.echo(
        f"{verb} {size(report.freed)} in {counted(len(report.records), 'result')}; {size(report.kept)} stay"
    )
    if max_size is not None and report.kept > max_size:
        click.echo(f"what is needed takes more than {size(max_size)}; none of it was dropped")
