"""`filmforge plan`: what would run and why, with estimates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from filmforge.cli.options import (
    film_options,
    json_option,
    load_project,
    only_option,
    print_json,
    required_film,
)

if TYPE_CHECKING:
    from filmforge.project import Plan


@click.command()
@required_film
@film_options
@only_option
@click.option("--all", "everything", is_flag=True, help="List cached steps too.")
@json_option
def plan(
    film: Path,
    profile: str | None,
    overrides: tuple[str, ...],
    store: Path | None,
    only: tuple[str, ...],
    everything: bool,
    as_json: bool,
) -> None:
    """Show what a build would do, and why. Runs nothing."""
    from filmforge.project import plan as make_plan

    planned = make_plan(load_project(film, profile, overrides, store), only=only)
    if as_json:
        print_json(planned.to_json())
    else:
        show_plan(planned, everything)


def show_plan(planned: Plan, everything: bool = False) -> None:
    """Print a plan as a table: the steps that run, then one line of totals."""
    from filmforge.cli.screen import duration, table

    shown = [p for p in planned.steps.values() if everything or p.state != "cached"]
    rows = []
    for p in shown:
        seconds = planned.estimates.seconds(p.step) if p.state != "cached" else None
        time = f"~{duration(seconds)}" if seconds is not None else ""
        rows.append((p.step.name, p.state, time, "; ".join(planned.words.because(p))))
    if rows:
        table(("step", "state", "time", "because"), rows)
        click.echo()
    prompts = {p.step.subject: p.step.params["prompt"] for p in shown if p.step.kind == "render"}
    apart = {p.step.subject: p.step.params["apart"] for p in shown if "apart" in p.step.params}
    for shot, prompt in prompts.items():
        click.echo(f"{shot}: {prompt}")
        strips = apart.get(shot, {"who": (), "words": ()})
        for who, words in zip(strips["who"], strips["words"], strict=True):
            click.echo(f"  {who}'s part of the picture: {words}")
    if prompts:
        click.echo()
    counts = {s: sum(planned.resolution.counts(s).values()) for s in ("run", "waits", "cached")}
    total = planned.seconds
    about = f", about {duration(total)}" if total and counts["run"] else ""
    frames, fps = planned.outline.timeline.frames, planned.project.film.fps
    click.echo(
        f"{counts['run']} to run, {counts['waits']} waiting on those, {counts['cached']} up to date{about}; "
        f"the film is {frames} frames ({float(frames / fps):.1f} s)"
    )
    for step, differs in planned.elsewhere.items():
        click.echo(f"{step} came from another environment: {', '.join(differs)}")
    if planned.elsewhere:
        click.echo("kept as they are; to make them anew: filmforge build FILM --refresh [SHOT]")
    for note in planned.notes:
        click.echo(f"note: {note}")
    if planned.project.film.store is not None and counts["run"]:
        click.echo(
            f"note: the mirror {planned.project.film.store} is not asked by a plan; a build takes from it what it has"
        )
    for problem in planned.refused:
        click.echo(f"cannot be built yet: {problem}")
