"""`filmforge show`: where something that was made came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from filmforge.cli.options import film_options, json_option, load_project, print_json, required_film


@click.command()
@required_film
@click.argument("name")
@film_options
@json_option
def show(
    film: Path, name: str, profile: str | None, overrides: tuple[str, ...], store: Path | None, as_json: bool
) -> None:
    """Show what NAME (a shot, take, LoRA, step or delivered file) was made from: prompt, seed, model, versions."""
    from filmforge.cli.named import steps_named
    from filmforge.project import plan

    planned = plan(load_project(film, profile, overrides, store))
    found: list[dict[str, Any]] = []
    for p in steps_named(planned, name):
        record = p.record or planned.store.records.get(planned.last.get(p.step.name, ""))
        if record is None:
            found.append({"step": p.step.name, "state": p.state, "made": None})
            continue
        found.append(
            {
                "step": p.step.name,
                "state": p.state,
                "made": record.made_at,
                "seconds": round(record.seconds, 3),
                "key": record.key,
                "params": dict(record.params),
                "inputs": {
                    role: {"digest": digest, "from": _origin(p.step.inputs.get(role))}
                    for role, digest in record.inputs.items()
                },
                "outputs": {
                    output: {
                        "digest": blob.digest,
                        "size": blob.size,
                        "file": str(planned.store.blobs.path(blob.digest)),
                    }
                    for output, blob in record.outputs.items()
                },
                "provenance": dict(record.provenance),
            }
        )
    if as_json:
        print_json({"name": name, "steps": found})
        return
    for index, entry in enumerate(found):
        if index:
            click.echo()
        _print(entry)


def _origin(given: object) -> str | None:
    return getattr(given, "path", None) or getattr(given, "step", None)


def _print(entry: dict[str, Any]) -> None:
    for key, value in entry.items():
        if isinstance(value, dict):
            click.echo(f"{key}:")
            for inner, content in value.items():
                click.echo(f"  {inner}: {content}")
        else:
            click.echo(f"{key}: {value if value is not None else 'never'}")
