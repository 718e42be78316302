"""`filmforge status`: the film at a glance, a row a shot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from filmforge.cli.options import film_options, json_option, load_project, print_json, required_film


@click.command()
@required_film
@film_options
@json_option
@click.option("--exit-code", is_flag=True, help="Exit with status 1 if a build would run something.")
def status(
    film: Path,
    profile: str | None,
    overrides: tuple[str, ...],
    store: Path | None,
    as_json: bool,
    exit_code: bool,
) -> None:
    """Show every shot: where it is in the film, what makes its picture, and whether it is up to date."""
    import sys

    from filmforge.cli.screen import table
    from filmforge.project import plan

    planned = plan(load_project(film, profile, overrides, store))
    rows: list[dict[str, Any]] = []
    fps = planned.project.film.fps
    for placed in planned.outline.timeline.shots:
        own = [p for p in planned.steps.values() if p.step.subject == placed.name]
        stale = [p for p in own if p.state != "cached"]
        renders = [p for p in own if p.step.kind == "render"]
        rows.append(
            {
                "shot": placed.name,
                "at": placed.at,
                "frames": placed.count,
                "picture": placed.shot.kind,
                "model": planned.project.film.model_of(placed.scene, placed.shot) if renders else None,
                "takes": [p.step.params["seed"] for p in renders],
                "state": "stale" if stale else "up to date",
                "stale": [p.step.name for p in stale],
            }
        )
    stale_steps = planned.resolution.stale()
    if as_json:
        print_json({"film": str(film), "shots": rows, "stale": [p.step.name for p in stale_steps]})
    else:
        table(
            ("shot", "at", "lasts", "picture", "model", "takes", "state"),
            [
                (
                    r["shot"],
                    f"{float(r['at'] / fps):.1f}s",
                    f"{float(r['frames'] / fps):.1f}s",
                    {"prompt": "generated", "clip": "footage"}.get(r["picture"], r["picture"]),
                    r["model"] or "",
                    str(len(r["takes"])) if r["takes"] else "",
                    r["state"] + (f": {', '.join(r['stale'])}" if r["stale"] else ""),
                )
                for r in rows
            ],
        )
        outputs = ", ".join(d.file for d in planned.outline.deliveries.values())
        click.echo(f"{outputs}: " + (f"{len(stale_steps)} steps are stale" if stale_steps else "up to date"))
    if exit_code and stale_steps:
        sys.exit(1)
