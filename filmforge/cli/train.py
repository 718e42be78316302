"""`filmforge train`: only one character's LoRAs, a look at the photos they are made from, and their export."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filmforge.cli.options import (
    film_options,
    json_option,
    load_project,
    only_option,
    print_json,
    required_film,
    told,
)

if TYPE_CHECKING:
    from filmforge.language.film import Character
    from filmforge.photos.reviewing import Review
    from filmforge.project import Plan, Project
    from filmforge.video_models.family import LoraFacts


@click.command()
@required_film
@click.argument("character")
@film_options
@only_option
@click.option("--photos", is_flag=True, help="Train nothing: a contact sheet of the photos, with warnings.")
@click.option(
    "--caption",
    "template",
    metavar="TEMPLATE",
    help="With --photos: write NAME.txt beside photos that have none, from {trigger}, {looks}, {name} and {caption}.",
)
@click.option(
    "--captioner",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="With --photos: a captioning model (BLIP or GIT, as safetensors) that writes {caption}.",
)
@json_option
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
    photos: bool,
    template: str | None,
    captioner: Path | None,
    as_json: bool,
    to: Any,
    into: Path | None,
) -> None:
    """Train CHARACTER's LoRAs, one for each model that renders them, where they are missing or stale.

    With --export, files that ComfyUI or diffusers reads are written as well; see `filmforge lora` for files made
    elsewhere.

    \b
    filmforge train film.yaml mira
    filmforge train film.yaml mira --photos
    filmforge train film.yaml mira --photos --caption "{trigger}, {looks}, by day"
    filmforge train film.yaml mira --photos --captioner ./blip
    filmforge train film.yaml mira --export comfyui
    """
    from filmforge.errors import UsageError
    from filmforge.language.nearest import nearest
    from filmforge.making import build
    from filmforge.project import plan

    if (template is not None or captioner is not None) and not photos:
        raise UsageError("--caption and --captioner write captions and train nothing; add --photos")
    if photos and to is not None:
        raise UsageError("--photos trains nothing, and so there is nothing to --export; give one of the two")
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
    planned = plan(project, only=only)
    if photos:
        _look(planned, character, project.film.characters[character], template, captioner, as_json)
        return
    names = [
        name
        for name, step in planned.steps.items()
        if step.step.kind == "lora" and step.step.subject.startswith(f"{character}@")
    ]
    if not names:
        raise UsageError(
            f"{character} has no LoRA to train: it has no photos, or no shot names {{{character}}} in its prompt"
        )
    with told(as_json) as on_event:
        result = build(project, only=only, steps=names, on_event=on_event)
    if not result.ok:
        sys.exit(1)
    if to is not None:
        _export(project, only, names, to, into or project.folder / "out" / "loras", as_json)


def _look(
    planned: Plan, who: str, character: Character, template: str | None, captioner: Path | None, as_json: bool
) -> None:
    """Show a character's photos: the sheet in the store, the warnings here."""
    from filmforge.errors import UsageError
    from filmforge.photos.reviewing import review

    if character.photos is None:
        raise UsageError(f"{who} has no photos; name their folder in `photos`")
    folder = planned.project.folder
    found = review(
        who,
        character,
        [folder / source.path for source, _ in planned.world.photos(character.photos)],
        _training(planned, who),
        planned.store.root / "photos" / f"{who}.png",
        template=template,
        captioner=captioner,
    )
    planned.world.remember()
    if as_json:
        print_json(found.to_json())
    else:
        _tell(found)


def _training(planned: Plan, who: str) -> dict[str, LoraFacts]:
    """How the models that train the character do it, by name; the film's default one where no shot has her yet."""
    from filmforge.video_models.facts import facts_of

    film = planned.project.film
    subjects = [p.step.subject for p in planned.steps.values() if p.step.kind == "lora"]
    names = [s.partition("@")[2] for s in subjects if s.startswith(f"{who}@")] or [film.model]
    declared = {name: film.model_named(name) for name in names}
    facts = {name: facts_of(model.use).of_version(model.version).lora for name, model in declared.items()}
    return {name: lora for name, lora in facts.items() if lora is not None}


def _tell(found: Review) -> None:
    from filmforge.photos.judging import NOT_JUDGED

    for path, words in found.written.items():
        click.echo(f"wrote {path.name}: {words}")
    for name, faults in found.judgement.each.items():
        for fault in faults:
            click.echo(f"{name}: {fault.words}")
    for fault in found.judgement.together:
        click.echo(fault.words)
    faulty = sum(bool(faults) for faults in found.judgement.each.values())
    what = f"warnings for {faulty} of them" if faulty else "no warnings"
    click.echo(f"{len(found.photos)} photos of {found.who}, {what}; the sheet is {found.sheet}")
    click.echo(f"not judged: {NOT_JUDGED}")


def _export(
    project: Project, only: tuple[str, ...], names: list[str], to: Any, into: Path, as_json: bool
) -> None:
    """Write the LoRAs of the steps `names`, which are made, into a folder in the format `to`."""
    from filmforge.lora.export import opened, write
    from filmforge.project import plan

    planned = plan(project, only=only)
    for name in names:
        found = planned.steps[name]
        assert found.record is not None  # the build has just made it, or found it
        lora = opened(planned.store.blobs.path(found.record.outputs["main"].digest))
        for path in write(lora, to, into, found.step.subject):
            click.echo(
                json.dumps({"event": "exported", "step": name, "file": str(path)})
                if as_json
                else f"written: {path}"
            )
