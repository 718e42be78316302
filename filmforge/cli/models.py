"""`filmforge models`: the families of models and their facts."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any

import click

from filmforge.cli.options import json_option, print_json


@click.command()
@click.argument("family", required=False)
@json_option
def models(family: str | None, as_json: bool) -> None:
    """List the families of models that a film can name in `use`; with FAMILY, all that is known of one."""
    from filmforge.video_models.facts import facts_of, families

    if family is not None:
        facts = _plain(facts_of(family)) | _parts(family)
        if as_json:
            print_json(facts)
            return
        for key, value in facts.items():
            if value not in (None, "", {}, [], ()):
                _show(key, value)
        return
    if as_json:
        print_json([_plain(facts) for facts in families().values()])
        return
    from filmforge.cli.screen import table

    table(
        ("family", "size", "fps", "frames", "steps", "memory", "renders", "licence"),
        [
            (
                f.id,
                f"{f.size[0]}x{f.size[1]}" if f.size else "",
                str(f.fps),
                f"up to {f.max_frames}",
                str(f.steps or ""),
                ", ".join(f"{v:g} GB {k}" for k, v in f.memory.items()),
                "yes" if f.renders else "not yet",
                f.licence,
            )
            for f in families().values()
        ],
    )
    click.echo("filmforge models FAMILY shows all that is known of one, with sources")


def _parts(family: str) -> dict[str, Any]:
    """What the official weights are made of, as far as it is on record: class, parameters and source of each part."""
    from filmforge.video_models.facts import facts_of
    from filmforge.video_models.published import releases

    found = {
        release.repo: {
            name: f"{part.kind}, {part.parameters / 1e9:.2f} billion parameters ({part.source})"
            for name, part in release.parts.items()
        }
        for release in releases(facts_of(family)).values()
    }
    return {"parts": found} if found else {}


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if hasattr(value, "items"):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _show(key: str, value: Any, indent: str = "") -> None:
    """One fact; what is long, or has facts of its own, under it line by line."""
    if isinstance(value, dict) and any(isinstance(v, dict) or len(str(v)) > 40 for v in value.values()):
        click.echo(f"{indent}{key}:")
        for name, inner in value.items():
            _show(name, inner, f"{indent}  ")
    elif key == "size":
        click.echo(f"{indent}{key}: {'x'.join(map(str, value))}")
    elif key == "sources":
        click.echo(f"{indent}{key}:")
        for source in value:
            click.echo(f"{indent}  {source}")
    else:
        click.echo(f"{indent}{key}: {_text(value)}")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_text(v)}" for k, v in value.items())
    if isinstance(value, list):
        return "; ".join(map(_text, value))
    return str(value)
