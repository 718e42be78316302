"""`likeness`: a take held against a character's photos, with the base at the same seed as the zero line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from filmforge.steps.work import Work

if TYPE_CHECKING:
    from filmforge.lora.embedders import Embedder
    from filmforge.video_models.sampling import Frame

_CLIPS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".gif"})
_OF_A_CLIP = 4
"""How many frames of a short clip among the photos are looked at."""


def run(work: Work) -> None:
    """Output `main`: for each character its likeness and the cosines that it comes from, as JSON."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # where the device is the processor, its threads must not wait for these
    try:
        found = _measured(work)
    finally:
        torch.set_num_threads(threads)
    work.out("main", ".json").write_text(json.dumps(found, sort_keys=True), encoding="utf-8")
    work.provenance |= {"likeness": found, "embedder": work.params["embedder"]["kind"]}


def _measured(work: Work) -> dict[str, dict[str, float]]:
    from filmforge.lora.likeness import measure
    from filmforge.video_models import tensors

    embedder = _embedder(work)
    asked = work.params["embedder"]
    work.progress(0, 0, "comparing with the photos")
    take = embedder.points(_frames(work.inputs["picture"], work.params["looks"]))
    base = embedder.points(_frames(work.inputs["base"], work.params["looks"]))
    found = {}
    for who in work.params["characters"]:
        prefix = f"photo.{who}."
        photos = [work.digests[role] for role in sorted(work.digests) if role.startswith(prefix)]

        def make(to: Path, prefix: str = prefix) -> None:
            pictures = [picture for path in work.several(prefix) for picture in _photo(path)]
            tensors.save(to, {"points": embedder.points(pictures)}, None)

        album = work.kept("album", {"embedder": asked, "photos": photos}, ".safetensors", make)
        found[who] = asdict(measure(take, base, tensors.load(album)["points"]))
    return found


def _embedder(work: Work) -> Embedder:
    """The embedder that the step's params name, loaded unless the worker holds it already."""
    from filmforge.lora.embedders import load_embedder

    wanted = work.params["embedder"]
    held = work.session.held
    if held.get("embedder_is") != wanted:
        folder = work.hints.get("embedder")
        held["embedder"] = load_embedder(wanted["kind"], Path(folder) if folder else None)
        held["embedder_is"] = dict(wanted)
    embedder: Embedder = held["embedder"]
    return embedder


def _frames(path: Path, most: int) -> list[Frame]:
    from filmforge.editing.frames import count_frames, read_frames
    from filmforge.lora.likeness import looked_at

    wanted = set(looked_at(count_frames(path), most))
    return [frame for index, frame in enumerate(read_frames(path)) if index in wanted]


def _photo(path: Path) -> list[Frame]:
    """The pictures of a photo (one) or a short clip (a few)."""
    from filmforge.editing.plates import photo
    from filmforge.lora.likeness import looked_at
    from filmforge.lora.pictures import frames_of_clip

    if path.suffix.lower() not in _CLIPS:
        return [np.asarray(photo(path), np.uint8)]
    frames = frames_of_clip(path)
    return [frames[index] for index in looked_at(len(frames), _OF_A_CLIP)]
