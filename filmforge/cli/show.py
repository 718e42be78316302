"""`filmforge show`: where something that was made came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filmforge.cli.options import film_options, json_option, load_project, print_json, required_film

if TYPE_CHECKING:
    from filmforge.planning.resolve import Planned
    from filmforge.project import Plan
    from filmforge.store import Record


@click.command()
@required_film
@click.argument("name")
@film_options
@json_option
def show(
    film: Path, name: str, profile: str | None, overrides: tuple[str, ...], store: Path | None, as_json: bool
) -> None:
    """Show where NAME came from: prompt, seed, model, LoRAs, versions, device, time, revision of the film.

    NAME is a shot, a take (scene/shot@seed), a LoRA (character, or character@model), a delivery or the path of a
    delivered file, or any step of the plan.
    """
    from filmforge.cli.named import steps_named
    from filmforge.project import plan

    planned = plan(load_project(film, profile, overrides, store))
    found = [_entry(planned, p) for p in steps_named(planned, name)]
    if as_json:
        print_json({"name": name, "steps": found})
        return
    for index, entry in enumerate(found):
        if index:
            click.echo()
        _print(entry)


def _entry(planned: Plan, p: Planned) -> dict[str, Any]:
    from filmforge.provenance import told

    record = p.record or planned.store.records.get(planned.last.get(p.step.name, ""))
    entry: dict[str, Any] = {"step": p.step.name, "state": p.state}
    if record is None:
        return entry | {"made": None}
    entry |= told(p.step, record)
    if p.step.kind == "cut":
        entry |= _film(planned, p, record)
    differs = planned.elsewhere.get(p.step.name)
    return entry | {
        **({"another_environment": differs} if differs else {}),
        **({"signed_by": _signer(planned, record.signer)} if record.signer else {}),
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


def _signer(planned: Plan, signer: str) -> dict[str, Any]:
    """Whose key signed what came from the mirror: its id and, where `film.trust` lists it, the name that stands there."""
    from filmforge.places import trust_of
    from filmforge.store.signing import trusted_keys

    listed = {key.id: key.name for key in trusted_keys(trust_of(planned.project.path))}
    return {"name": listed.get(signer) or None, "key": signer, "trusted": signer in listed}


def _film(planned: Plan, p: Planned, record: Record) -> dict[str, Any]:
    """What the file beside the delivered film tells, as far as all that the film is made from is up to date."""
    from filmforge.provenance import of_delivery

    records = {name: other.record for name, other in planned.steps.items() if other.record is not None}
    waiting = [n for n, other in planned.steps.items() if other.record is None and other.step.kind != "cut"]
    if waiting:
        return {"stale": waiting}
    return of_delivery(planned, p.step, record, records)


def _origin(given: object) -> str | None:
    return getattr(given, "path", None) or getattr(given, "step", None)


_PLUMBING = frozenset({"key", "params", "inputs", "provenance", "schema"})
"""What JSON has and nobody reads."""


def _print(entry: dict[str, Any]) -> None:
    for key, value in entry.items():
        if key == "signed_by":
            listed = "which film.trust lists" if value["trusted"] else "which film.trust does not list"
            click.echo(
                f"signed by: {value['name'] or 'somebody without a name'} (key {value['key']}, {listed})"
            )
        elif key not in _PLUMBING:
            _print_one(key.replace("_", " "), value, "")


def _print_one(key: str, value: Any, indent: str) -> None:
    if isinstance(value, dict) and value:
        click.echo(f"{indent}{key}:")
        for inner, content in value.items():
            _print_one(str(inner), content, indent + "  ")
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        click.echo(f"{indent}{key}:")
        for item in value:
            said = ", ".join(f"{k}: {_short(v)}" for k, v in item.items() if v not in (None, "", [], {}))
            click.echo(f"{indent}  - {said}")
    else:
        click.echo(f"{indent}{key}: {_short(value)}")


def _short(value: Any) -> str:
    if value is None:
        return "none"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
