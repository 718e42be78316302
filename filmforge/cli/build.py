"""`filmforge build`: makes what is missing and delivers the film."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from filmforge.cli.options import film_options, json_option, load_project, only_option, required_film, told
from filmforge.cli.screen import counted


class _Build(click.Command):
    """`build`, with a word for who writes `--refresh FILM`: the film is then taken for the shot."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter:
            if "--refresh" not in given:
                raise
            raise click.UsageError(
                "no film is named; write it before --refresh: filmforge build FILM --refresh [SHOT]", ctx
            ) from None


@click.command(cls=_Build)
@required_film
@film_options
@only_option
@click.option("--jobs", type=click.IntRange(1, 256), help="Steps without a model that may run at once.")
@click.option("--keep-going", is_flag=True, help="After a failure, go on with what does not rest on it.")
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@click.option("--locked", is_flag=True, help="Refuse to resolve anything that film.lock does not hold.")
@click.option("--on", "where", default="local", metavar="local|ray://HOST:PORT", help="Where steps run.")
@click.option(
    "--refresh",
    is_flag=False,
    flag_value="",
    multiple=True,
    metavar="[SHOT]",
    help="Make anew what came from another environment: all of it, or this shot, scene or LoRA's.",
)
@click.option("--share", is_flag=True, help="Put results into the film's mirror (store:), signed by you.")
@json_option
def build(
    film: Path,
    profile: str | None,
    overrides: tuple[str, ...],
    store: Path | None,
    only: tuple[str, ...],
    jobs: int | None,
    keep_going: bool,
    dry_run: bool,
    locked: bool,
    where: str,
    refresh: tuple[str, ...],
    share: bool,
    as_json: bool,
) -> None:
    """Train what is missing, render what changed, assemble the cut.

    What was made is never made again; a build that was stopped, however it was stopped, goes on where it was.

    \b
    filmforge build film.yaml
    filmforge build film.yaml --profile draft --only arrival/wide
    filmforge build film.yaml --set models.hero.steps=20
    filmforge build film.yaml --refresh arrival/wide
    """
    from filmforge.errors import UsageError

    if where != "local":
        raise UsageError(f"--on {where}: only this machine (--on local) can be built on yet")
    anew = None if not refresh else () if "" in refresh else refresh  # without a name: all
    if not (dry_run or only or refresh or share) and _nothing_to_do(film, profile, overrides, store, as_json):
        return
    project = load_project(film, profile, overrides, store)
    if dry_run:
        from filmforge.cli.options import print_json
        from filmforge.cli.plan import show_plan
        from filmforge.project import plan as make_plan

        planned = make_plan(project, only=only, refresh=anew)
        if as_json:
            print_json(planned.to_json())
        else:
            show_plan(planned)
        return
    from filmforge.making import build as run_build

    with told(as_json) as on_event:
        result = run_build(
            project,
            only=only,
            jobs=jobs,
            keep_going=keep_going,
            locked=locked,
            refresh=anew,
            share=share,
            on_event=on_event,
        )
    if not result.ok:
        sys.exit(1)


def _nothing_to_do(
    film: Path, profile: str | None, overrides: tuple[str, ...], store: Path | None, as_json: bool
) -> bool:
    """Whether the last build's snapshot still holds; says so as a build would."""
    import time

    from filmforge.building.events import Event
    from filmforge.building.unchanged import nothing_to_do
    from filmforge.places import film_file, store_of

    began = time.monotonic()
    file = film_file(film)
    found = nothing_to_do(file, profile, overrides, store_of(file, store))
    if found is None:
        return False
    steps, done = found
    if as_json:
        events: list[Event] = [*steps, done]
        for event in events:
            print(json.dumps(event.to_json(), ensure_ascii=False))
    else:
        click.echo(
            f"{', '.join(done.outputs)}: nothing to do, "
            f"{counted(len(steps), 'step')} up to date ({time.monotonic() - began:.2f}s)"
        )
    return True
