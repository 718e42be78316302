"""`filmforge fetch`: download the weights that a film needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from filmforge.cli.options import film_options, load_project, required_film
from filmforge.errors import WeightsError

if TYPE_CHECKING:
    from filmforge.video_models.facts import Facts
    from filmforge.video_models.hub_files import HubFiles


@click.command()
@required_film
@film_options
@click.option("--dry-run", is_flag=True, help="Say what would be downloaded; download nothing.")
def fetch(
    film: Path, profile: str | None, overrides: tuple[str, ...], store: Path | None, dry_run: bool
) -> None:
    """Download the weights that the film's models and its embedder need. Afterwards all works without a network."""
    from filmforge.project import plan
    from filmforge.video_models.embedder_weights import fetch_embedder
    from filmforge.video_models.published import published
    from filmforge.video_models.weights import fetch as download

    planned = plan(load_project(film, profile, overrides, store))
    absent = [m for m in planned.world.models.values() if m.weights.folder is None and m.weights.repo]
    upscalers = [
        m
        for m in planned.world.models.values()
        if m.upscale and not m.upscale.weights.folder and m.upscale.weights.repo
    ]
    embedders = [e for e in planned.world.embedders.values() if e.folder is None and e.repo]
    files = [
        (what, hub)
        for m in planned.world.models.values()
        for what, hub in ((m.name, m.weights.hub), (f"LoRA of {m.name}", m.lora_hub))
        if hub is not None and hub.absent
    ]
    if not absent and not upscalers and not embedders and not files:
        click.echo("all weights that the film needs are on this machine")
        return
    for model in absent:
        facts, pin = model.facts, model.weights
        assert pin.repo is not None
        release = published(facts.id, model.version)
        # Sixteen bits a parameter, as nearly all are published; weights of one's own are as large as they are.
        parts = {n: part for n, part in release.parts.items() if n not in pin.apart} if release else {}
        size = sum(part.parameters for part in parts.values()) * 2 / 1e9
        large = f"about {size:.0f} GB, " if release and release.repo == pin.repo else ""
        click.echo(f"{model.name}: {pin.repo}, {large}licence {facts.licence}{_note(facts)}; {_free()}")
        if not dry_run:
            declared = planned.project.film.model_named(model.name)
            found = download(facts, pin.repo, pin.commit or declared.revision, without=pin.apart)
            click.echo(f"{model.name}: here, at commit {found.commit}")
    for what, hub in files:
        _fetch_files(what, hub, dry_run)
    for model in upscalers:
        assert model.upscale is not None and model.upscale.weights.repo is not None
        pin, own = model.upscale.weights, planned.project.film.model_named(model.name).upscale
        click.echo(f"upscaler of {model.name}: {pin.repo}, licence {model.facts.licence}{_note(model.facts)}")
        if not dry_run:
            found = download(model.facts, str(pin.repo), pin.commit or (own.revision if own else None))
            click.echo(f"upscaler of {model.name}: here, at commit {found.commit}")
    for embedder in embedders:
        assert embedder.repo is not None
        click.echo(f"embedder: {embedder.repo}")
        if not dry_run:
            click.echo(f"embedder: here, at commit {fetch_embedder(embedder.repo, embedder.commit)}")


def _fetch_files(what: str, files: HubFiles, dry_run: bool) -> None:
    """Say how large they are and under which licence, as the hub has it; then download them."""
    from filmforge.video_models.hub_files import about_files, fetch_files

    names = ", ".join(files.absent)
    try:
        about = about_files(files)
    except WeightsError as error:
        if not dry_run:
            raise
        click.echo(f"{what}: {names}, of unknown size: {error}; {_free()}")
        return
    licence = f"licence {about.licence}" if about.licence else "no licence is named on its page"
    click.echo(f"{what}: {names}, {_large(about.bytes)}, {licence}; {_free()}")
    if not dry_run:
        click.echo(f"{what}: here, at commit {fetch_files(files)}")


def _large(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 0.1):.1f} MB"


def _free() -> str:
    """How much space there is where downloads go."""
    import shutil

    from filmforge.video_models.weights import hub_cache

    place = hub_cache().absolute()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    return f"{shutil.disk_usage(there).free / 1e9:.0f} GB of disk are free"


def _note(facts: Facts) -> str:
    return f" ({facts.licence_note})" if facts.licence_note else ""
