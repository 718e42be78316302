"""`filmforge train`: only one character's LoRAs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from filmforge.cli.options import film_options, load_project, only_option, required_film


@click.command()
@required_film
@click.argument("character")
@film_options
@only_option
def train(
    film: Path,
    character: str,
    profile: str | None,
    overrides: tuple[str, ...],
    store: Path | None,
    only: tuple[str, ...],
) -> None:
    """Train CHARACTER's LoRAs, one for each model that renders them, where they are missing or stale."""
    from filmforge.cli.progress import progress
    from filmforge.errors import UsageError
    from filmforge.language.nearest import nearest
    from filmforge.making import build
    from filmforge.project import plan

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
