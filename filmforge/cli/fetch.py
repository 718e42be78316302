"""`filmforge fetch`: download the weights that a film needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from filmforge.cli.options import film_options, load_project, required_film

if TYPE_CHECKING:
    from filmforge.video_models.facts import Facts


@click.command()
@required_film
@film_options
@click.option("--dry-run", is_flag=True, help="Say what would be downloaded; download nothing.")
def fetch(
    film: Path, profile: str | None, overrides: tuple[str, ...], store: Path | None, dry_run: bool
) -> None:
    """Download the weights that the film's models and its embedder need. Afterwards all works without a network."""
    import shutil

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
    if not absent and not upscalers and not embedders:
        click.echo("all weights that the film needs are on this machine")
        return
    for model in absent:
        facts, pin = model.facts, model.weights
        assert pin.repo is not None
        free = shutil.disk_usage(Path.home()).free / 1e9
        release = published(facts.id, model.version)
        # Sixteen bits a parameter, as nearly all are published; weights of one's own are as large as they are.
        parts = {n: part for n, part in release.parts.items() if n not in pin.file_digests} if release else {}
        size = sum(part.parameters for part in parts.values()) * 2 / 1e9
        large = f"about {size:.0f} GB, " if release and release.repo == pin.repo else ""
        click.echo(
            f"{model.name}: {pin.repo}, {large}licence {facts.licence}{_note(facts)}; {free:.0f} GB of disk are free"
        )
        if not dry_run:
            declared = planned.project.film.model_named(model.name)
            found = download(
                facts, pin.repo, pin.commit or declared.revision, without=tuple(pin.file_digests)
            )
            click.echo(f"{model.name}: here, at commit {found.commit}")
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


def _note(facts: Facts) -> str:
    return f" ({facts.licence_note})" if facts.licence_note else ""
