"""`render`: the picture of a generated shot, one take. Text, then latents, then frames; the first two are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from filmforge.errors import FilmforgeError
from filmforge.steps.models import loaded_model, text_embeddings
from filmforge.steps.work import Work

if TYPE_CHECKING:
    from filmforge.video_models.model import VideoModel


def run(work: Work) -> None:
    """Output `main`: the frames, lossless, at the model's own size and rate."""
    if work.params["model"]["family"] == "animatic":
        _draw(work)
    else:
        _render(work)


def _draw(work: Work) -> None:
    from filmforge.editing.frames import FrameWriter
    from filmforge.video_models.animatic import draw_card

    width, height = work.params["size"]
    card = draw_card(work.params["prompt"], work.params["shot"], (width, height), work.params["seed"])
    with FrameWriter(work.out("main", ".mkv"), (width, height), Fraction(1)) as writer:
        writer.write(card)


def _render(work: Work) -> None:
    from filmforge.editing.frames import FrameWriter
    from filmforge.editing.plates import photo

    params = work.params
    model = loaded_model(work)
    start = np.asarray(photo(work.inputs["start"])) if "start" in work.inputs else None
    width, height = params["size"]
    count = 0
    with FrameWriter(work.out("main", ".mkv"), (width, height), model.facts.fps) as writer:
        for shown in _clips(work, model, start):
            for frame in shown:
                writer.write(frame)
            count += len(shown)
    if count != params["frames"]:
        raise FilmforgeError(f"{model.facts.id} made {count} frames, and {params['frames']} were asked for")
    work.provenance |= {"device": str(model.device)}
    if model.memory is not None:
        work.provenance |= {"memory": model.memory.words}


def _clips(work: Work, model: VideoModel, start: Any) -> Iterator[Any]:
    """What is shown of the shot's clips: one, or, past the model's limit, several, each from the last frame before it."""
    from filmforge.editing.seam import continuing
    from filmforge.video_models import tensors

    params = {name: value for name, value in work.params.items() if name != "extend"}
    lengths = work.params.get("extend", [params["frames"]])
    after: dict[str, Any] = {}
    for part, frames in enumerate(lengths):
        # The first clip is that of a shot without `extend`; the others have noise of their own.
        asked = {**params, "frames": frames, "seed": (params["seed"] + part) % 2**63}
        value = {"params": asked, "inputs": work.digests, **after}
        note = f" clip {part + 1} of {len(lengths)}" if len(lengths) > 1 else ""
        latents = work.kept(
            "latents", value, ".safetensors", partial(_sample, work, model, asked, start, after, note)
        )
        work.progress(params["steps"], params["steps"], f"decoding{note}")
        clip = model.decode(tensors.load(latents), settings=params.get("settings"))
        shown = continuing(clip, start) if part else clip
        yield shown
        start = shown[-1]
        after = {"after": hashlib.sha256(start.tobytes()).hexdigest()}


def _sample(
    work: Work,
    model: VideoModel,
    params: Mapping[str, Any],
    start: Any,
    after: Mapping[str, Any],
    note: str,
    to: Path,
) -> None:
    from filmforge.video_models import tensors
    from filmforge.video_models.lora_file import LoraUse

    if (lost := model.words_cut(params["prompt"])) and not after:
        work.warn(f"the prompt is longer than the model reads; this of it has no effect: '{lost}'")
    width, height = params["size"]
    texts = [params["prompt"]]
    if model.uses_negative(params["guidance"]):
        texts.append(params["negative"])
    elif params["negative"] and not after:
        work.warn(f"{model.facts.id} has no use for a negative prompt at guidance {params['guidance']:g}")
    given = after.get("after") or work.digests.get("start")
    positive, *negative = text_embeddings(work, model, texts, start=start, given=given, size=(width, height))
    model.set_loras(
        [
            LoraUse(work.inputs[f"lora.{entry['who']}"], entry["weight"], entry.get("config"))
            for entry in params["loras"]
        ]
    )
    latents = model.sample(
        positive=positive,
        negative=negative[0] if negative else None,
        frames=params["frames"],
        size=(width, height),
        steps=params["steps"],
        guidance=params["guidance"],
        shift=params["shift"],
        seed=params["seed"],
        start=start,
        settings=params.get("settings"),
        on_step=lambda done, total: work.progress(done, total, f"sampling{note}"),
    )
    tensors.save(to, latents, None)
