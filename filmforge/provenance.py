"""Where things came from: what is told of a result, and the file beside a delivered film that tells it of all of it.

`out/lantern.mp4.json` lies beside `out/lantern.mp4`. It is made of records alone, so that it is the same however
often, and wherever, it is written. Nothing of it stands in the pictures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filmforge.errors import StoreError
from filmforge.language.delivered import sidecar_of
from filmforge.language.seeds import seeds_of
from filmforge.planning.likeness import verdict_from
from filmforge.planning.step import Made, Source, Step
from filmforge.planning.timeline import Placed
from filmforge.project import Plan
from filmforge.store import Record

SCHEMA = "filmforge.provenance/1"
_SETTINGS = (
    "prompt",
    "negative",
    "seed",
    "frames",
    "size",
    "steps",
    "guidance",
    "shift",
    "settings",
    "upscale",
    "apart",
)
_TRAINING = ("trigger", "rank", "steps", "learning_rate", "seed", "captions")


def told(step: Step, record: Record) -> dict[str, Any]:
    """What is told of one result: its settings, model, LoRAs, versions, device, time, and revision of the film."""
    params, about = record.params, record.provenance
    said: dict[str, Any] = {}
    if step.kind in ("render", "base"):
        said |= {name: params[name] for name in _SETTINGS if name in params}
    elif step.kind == "lora":
        said |= {name: params[name] for name in _TRAINING}
        said["photos"] = [_content(step, record, role) for role in sorted(record.inputs)]
    if "model" in params:
        said["model"] = {**params["model"], **about.get("model", {})}
    if params.get("loras"):
        said["loras"] = [
            {**entry, **_content(step, record, f"lora.{entry['who']}")} for entry in params["loras"]
        ]
    for role in ("start", "end"):
        if role in record.inputs:
            said[role] = _content(step, record, role)
    for name in ("kept", "versions", "device", "device_name", "mix", "likeness", "embedder", "pick", "film"):
        if name in about:
            said[name] = about[name]
    said = {name: _in_order(value) for name, value in said.items()}
    return said | {"made": record.made_at, "seconds": round(record.seconds, 3)}


def _in_order(value: Any) -> Any:
    """Plain data with its keys sorted: a record read back from the disk has them in another order than a new one."""
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _content(step: Step, record: Record, role: str) -> dict[str, Any]:
    """An input by content and, where it is still what the film names there, by name."""
    given = step.inputs.get(role)
    name = given.path if isinstance(given, Source) else given.step if isinstance(given, Made) else None
    return {"from": name, "digest": record.inputs[role]}


def of_delivery(planned: Plan, cut: Step, record: Record, records: Mapping[str, Record]) -> dict[str, Any]:
    """All that is told of a delivered film. `records` has one for every step that it is made from."""
    film, timeline = planned.project.film, planned.outline.timeline
    blob = record.outputs["main"]
    made = told(cut, record)
    loras = [s for s in planned.outline.steps.values() if s.kind == "lora" and s.name in records]
    return {
        "schema": SCHEMA,
        "file": planned.outline.deliveries[cut.subject].file,
        "digest": blob.digest,
        "bytes": blob.size,
        "title": film.title,
        "profile": planned.project.profile,
        "frames": timeline.frames,
        "fps": str(film.fps),
        "size": str(film.size),
        **made,
        "shots": [_shot(planned, placed, records) for placed in timeline.shots],
        "loras": [
            {
                "name": step.subject,
                "digest": records[step.name].outputs["main"].digest,
                **told(step, records[step.name]),
            }
            for step in loras
        ],
        "sounds": [
            {"file": given.path, "digest": given.digest}
            for step in planned.outline.steps.values()
            if step.kind == "mix"
            for given in dict.fromkeys(step.inputs.values())
            if isinstance(given, Source)
        ],
    }


def _shot(planned: Plan, placed: Placed, records: Mapping[str, Record]) -> dict[str, Any]:
    film, shot = planned.project.film, placed.shot
    said: dict[str, Any] = {
        "shot": placed.name,
        "at": placed.at,
        "frames": placed.count,
        "picture": shot.kind,
    }
    if shot.kind == "prompt":
        seed = seeds_of(film, placed.scene, shot)[0]
        judged = planned.outline.judged.get(placed.name)
        if judged is not None:
            verdict = verdict_from(judged, records, planned.store)
            seed = seed if verdict.seed is None else verdict.seed
            said["likeness"] = verdict.to_json()
        name = f"render/{placed.name}@{seed}"
        record = records[name]
        # How long the shot is, and how many frames were rendered for it, are two numbers.
        rendered = told(planned.outline.steps[name], record)
        return said | {"digest": record.outputs["main"].digest, "rendered": rendered}
    plate = planned.outline.steps[f"plate/{placed.name}"]
    for given in plate.inputs.values():
        if isinstance(given, Source):
            said |= {"file": given.path, "digest": given.digest}
    return said


def write_sidecar(folder: Path, file: str, provenance: Mapping[str, Any]) -> str:
    """Put the provenance beside the film delivered as `file`, unless it is there; gives its path from `folder`."""
    from filmforge.store.files import write_atomically

    path = sidecar_of(file)
    data = (json.dumps(provenance, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")
    target = folder / path
    try:
        if target.is_file() and target.read_bytes() == data:
            return path
        write_atomically(target, data)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from None
    return path
