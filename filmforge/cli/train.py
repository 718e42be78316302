"""`filmforge train`: only one character's LoRAs, and their export to other tools."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filmforge.cli.options import film_options, load_project, only_option, required_film

if TYPE_CHECKING:
    from filmforge.project import Project


@click.command()
@required_film
@click.argument("character")
@film_options
@only_option
@click.option(
    "--export",
    "to",
    type=click.Choice(["comfyui", "diffusers"]),
    help="Then write them as files for this tool.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder to export to; out/loras beside the film if absent.",
)
def train(
    film: Path,
    character: str,
    profile: str | None,
    overrides: tuple[str, ...],
    store: Path | None,
    only: tuple[str, ...],
    to: Any,
    into: Path | None,
) -> None:
    """Train CHARACTER's LoRAs, one for each model that renders them, where they are missing or stale.

    With --export, files that ComfyUI or diffusers reads are written as well; see `filmforge lora` for files made
    elsewhere.
    """
    from filmforge.cli.progress import progress
    from filmforge.errors import UsageError
    from filmforge.language.nearest import nearest
    from filmforge.making import build
    from filmforge.project import plan

    if into is not None and to is None:
        raise UsageError(
            "--into is the folder of --export: say for which tool, --export comfyui or diffusers"
        )
    project = load_project(film, profile, overrides, store)
    if character not in project.film.characters:
        near = nearest(character, project.film.characters)
        raise UsageError(
            f"no character is called '{character}'" + (f"; did you mean '{near}'?" if near else "")
        )
    names = [
        name
        for name, planned in plan(project, only=only).steps.items()
        if planned.step.kind == "lora" and planned.step.subject.startswith(f"{character}@")
    ]
    if not names:
        raise UsageError(
            f"{character} has no LoRA to train: it has no photos, or no shot names {{{character}}} in its prompt"
        )
    with progress() as on_event:
        result = build(project, only=only, steps=names, on_event=on_event)
    if not result.ok:
        sys.exit(1)
    if to is not None:
        _export(project, only, names, to, into or project.folder / "out" / "loras")


def _export(project: Project, only: tuple[str, ...], names: list[str], to: Any, into: Path) -> None:
    """Write the LoRAs of the steps `names`, which are made, into a folder in the format `to`."""
    from filmforge.lora.export import opened, write
    from filmforge.project import plan

    planned = plan(project, only=only)
    for name in names:
        found = planned.steps[name]
        assert found.record is not None  # the build has just made it, or found it
        lora = opened(planned.store.blobs.path(found.record.outputs["main"].digest))
        for path in write(lora, to, into, found.step.subject):
            click.echo(f"written: {path}")
