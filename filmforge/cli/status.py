"""`filmforge status`: the film at a glance, a row a shot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filmforge.cli.options import film_options, json_option, load_project, print_json, required_film

if TYPE_CHECKING:
    from filmforge.planning.likeness import Verdict


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

    from filmforge.cli.screen import counted, table
    from filmforge.project import plan

    planned = plan(load_project(film, profile, overrides, store))
    rows: list[dict[str, Any]] = []
    fps, likeness = planned.project.film.fps, planned.verdicts
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
                **({"likeness": likeness[placed.name].to_json()} if placed.name in likeness else {}),
                "state": "stale" if stale else "up to date",
                "stale": [p.step.name for p in stale],
            }
        )
    stale_steps = planned.resolution.stale()
    if as_json:
        print_json({"film": str(film), "shots": rows, "stale": [p.step.name for p in stale_steps]})
    else:
        table(
            (
                "shot",
                "at",
                "lasts",
                "picture",
                "model",
                "takes",
                *(["likeness"] if likeness else []),
                "state",
            ),
            [
                (
                    r["shot"],
                    f"{float(r['at'] / fps):.1f}s",
                    f"{float(r['frames'] / fps):.1f}s",
                    {"prompt": "generated", "clip": "footage"}.get(r["picture"], r["picture"]),
                    r["model"] or "",
                    str(len(r["takes"])) if r["takes"] else "",
                    *([_likeness(likeness.get(r["shot"]))] if likeness else []),
                    r["state"] + (f": {', '.join(r['stale'])}" if r["stale"] else ""),
                )
                for r in rows
            ],
        )
        for verdict in likeness.values():
            for words in verdict.short():
                click.echo(f"note: {words}")
        outputs = ", ".join(d.file for d in planned.outline.deliveries.values())
        click.echo(
            f"{outputs}: " + (f"{counted(len(stale_steps), 'step')} to run" if stale_steps else "up to date")
        )
    if exit_code and stale_steps:
        sys.exit(1)


def _likeness(verdict: Verdict | None) -> str:
    """The likeness of the take in the cut, such as `mira 0.62 (take 903)` where it is not the one declared."""
    if verdict is None:
        return ""
    found = verdict.takes.get(verdict.seed) if verdict.seed is not None else None
    if found is None:
        return "not measured"
    take = f" (take {verdict.seed})" if verdict.tried else ""
    return ", ".join(f"{who} {value:.2f}" for who, value in found.items()) + take
