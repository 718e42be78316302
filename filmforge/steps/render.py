"""`render`: the picture of a generated shot, one take. Text, then latents, then frames; the first two are kept."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from filmforge.steps.models import loaded_model, text_embeddings
from filmforge.steps.work import Work


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
    from filmforge.video_models import tensors

    params = work.params
    model = loaded_model(work)
    latents = work.kept(
        "latents", {"params": params, "inputs": work.digests}, ".safetensors", lambda to: _sample(work, to)
    )
    work.progress(params["steps"], params["steps"], "decoding")
    frames = model.decode(tensors.load(latents))
    width, height = params["size"]
    with FrameWriter(work.out("main", ".mkv"), (width, height), model.facts.fps) as writer:
        for frame in frames:
            writer.write(frame)
    work.provenance |= {"device": str(model.device)}


def _sample(work: Work, to: Any) -> None:
    import numpy as np

    from filmforge.editing.plates import photo
    from filmforge.video_models import tensors
    from filmforge.video_models.lora_file import LoraUse

    params = work.params
    model = loaded_model(work)
    if lost := model.words_cut(params["prompt"]):
        work.warn(f"the prompt is longer than the model reads; this of it has no effect: '{lost}'")
    positive, negative = text_embeddings(work, model, [params["prompt"], params["negative"]])
    model.set_loras(
        [LoraUse(work.inputs[f"lora.{entry['who']}"], entry["weight"]) for entry in params["loras"]]
    )
    start = np.asarray(photo(work.inputs["start"])) if "start" in work.inputs else None
    width, height = params["size"]
    latents = model.sample(
        positive=positive,
        negative=negative,
        frames=params["frames"],
        size=(width, height),
        steps=params["steps"],
        guidance=params["guidance"],
        shift=params["shift"],
        seed=params["seed"],
        start=start,
        on_step=lambda done, total: work.progress(done, total, "sampling"),
    )
    tensors.save(to, latents, None)
