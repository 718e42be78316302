"""`render`: the picture of a generated shot, one take. Text, then latents, then frames; the first two are kept."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from filmforge.errors import FilmforgeError, WeightsError
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
    start, end = (
        np.asarray(photo(work.inputs[role])) if role in work.inputs else None for role in ("start", "end")
    )
    width, height = params["size"]
    count = 0
    with FrameWriter(work.out("main", ".mkv"), (width, height), model.facts.fps) as writer:
        for shown in _clips(work, model, start, end):
            for frame in shown:
                writer.write(frame)
            count += len(shown)
    if count != params["frames"]:
        raise FilmforgeError(f"{model.facts.id} made {count} frames, and {params['frames']} were asked for")
    work.provenance |= {"device": str(model.device)}
    if model.memory is not None:
        work.provenance |= {"memory": model.memory.words}


def _clips(work: Work, model: VideoModel, start: Any, end: Any) -> Iterator[Any]:
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
            "latents", value, ".safetensors", partial(_sample, work, model, asked, start, end, after, note)
        )
        work.progress(params["steps"], params["steps"], f"decoding{note}")
        work.stage = "decoding"
        clip = model.decode(tensors.load(latents), settings=params.get("settings"))
        shown = continuing(clip, start) if part else clip
        work.stage = ""
        yield shown
        start = shown[-1]
        after = {"after": hashlib.sha256(start.tobytes()).hexdigest()}


def _sample(
    work: Work,
    model: VideoModel,
    params: Mapping[str, Any],
    start: Any,
    end: Any,
    after: Mapping[str, Any],
    note: str,
    to: Path,
) -> None:
    from filmforge.video_models import tensors
    from filmforge.video_models.lora_file import LoraUse

    apart = params.get("apart")
    strips = apart["words"] if apart else []
    for told in () if after else strips or [params["prompt"]]:
        if lost := model.words_cut(told):
            work.warn(f"the prompt is longer than the model reads; this of it has no effect: '{lost}'")
    width, height = params["size"]
    texts = [params["prompt"]]
    if model.uses_negative(params["guidance"]):
        texts.append(params["negative"])
    elif params["negative"] not in ("", model.facts.negative) and not after:
        work.warn(f"{model.facts.id} has no use for a negative prompt at guidance {params['guidance']:g}")
    given = after.get("after") or work.digests.get("start")
    embedded = text_embeddings(work, model, [*texts, *strips], start=start, given=given, size=(width, height))
    positive, *negative = embedded[: len(texts)]
    watch = _watch(work, model, (width, height), note)
    work.stage = "sampling"
    if absent := work.hints.get("no_lora"):
        raise WeightsError(
            f"the LoRA {' and '.join(absent)} is not on this machine; run: filmforge fetch FILM"
        )
    names = model.set_loras(
        [
            LoraUse(
                work.inputs[f"lora.{entry['who']}"],
                entry["weight"],
                entry.get("config"),
                entry.get("expert"),
            )
            for entry in params["loras"]
        ]
    )
    # Only families whose facts say `last_frame` or have `walls` know of these, and only they are planned with them.
    further: dict[str, Any] = {} if end is None else {"end": end}
    if apart is not None:
        from filmforge.video_models.regions import Apart

        acting = {entry["who"]: name for entry, name in zip(params["loras"], names, strict=True)}
        adapters = tuple(acting.get(who) for who in apart["who"])
        words = tuple(embedding["embeds"] for embedding in embedded[len(texts) :])
        further["apart"] = Apart(adapters, words, apart["walls"])
    with model.quickened(params.get("settings")):
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
            on_step=watch,
            **further,
            **_second_pass(work),
        )
    tensors.save(to, latents, None)


def _second_pass(work: Work) -> dict[str, Any]:
    """What a model with an upscaler is sampled with besides; only families that have one know of it."""
    if "upscale" not in work.params:
        return {}
    folder = work.hints.get("upscaler")
    if folder is None:
        raise WeightsError(
            f"the upscaler of '{work.hints.get('name')}' is not on this machine; run: filmforge fetch FILM"
        )
    return {"upscale": {**work.params["upscale"], "folder": Path(folder)}}


def _watch(work: Work, model: VideoModel, size: tuple[int, int], note: str) -> Callable[[int, int], None]:
    """What is told of each step of sampling, and, where the model can encode a picture, shows one now and then."""
    from filmforge.video_models import preview, tensors

    def on_step(done: int, total: int) -> None:
        work.progress(done, total, f"sampling{note}")

    def fit(to: Path) -> None:
        tensors.save(to, {"weights": preview.fitted(model)})

    try:
        known = work.kept("preview", {"model": work.params["model"], "fit": 1}, ".safetensors", fit)
    except (
        FilmforgeError,
        RuntimeError,
        ValueError,
        MemoryError,
    ):  # a family that cannot; nothing rests on it
        logging.getLogger("filmforge").warning("no previews of %s", work.name, exc_info=True)
        return on_step
    return preview.Watch(on_step, work.show, tensors.load(known)["weights"], size)
