"""Prepares what a LoRA is trained on, once: latents and text embeddings of photos, clips and prior samples.

The prior samples are the base model's own pictures of captions without the character. Training holds the
LoRA to what the base predicts for them, so that the character does not leak into everybody else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from filmforge.errors import FilmforgeError, LoraError
from filmforge.lora.pictures import read_clips
from filmforge.video_models import tensors
from filmforge.video_models.facts import Facts, LoraFacts
from filmforge.video_models.model import VideoModel

FORMAT = "filmforge.dataset/3"
"""Part of what a kept data set is known by: one of another format is prepared anew."""
PRIOR_FORMAT = "filmforge.prior/1"
"""Likewise of kept prior samples."""
_PRIOR_STEPS = 8
"""Enough for pictures that are only noised again."""


@dataclass(frozen=True, slots=True)
class Example:
    """A photo or a short clip, and the caption that goes with it."""

    path: Path
    caption: str


@dataclass(frozen=True, slots=True)
class Item:
    """One training clip: normalised latents [C, T, H, W] fp32, its text embedding as the family has it, by name.

    `condition` [channels, T, H, W] goes into the transformer beside the latents, where the family has that.
    """

    latents: Tensor
    text: Mapping[str, Tensor]
    condition: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """What was prepared: the character's items, the prior items, and the embedding of the empty caption.

    `clips` says how many items each photo or clip gave, in order.
    """

    items: tuple[Item, ...]
    clips: tuple[int, ...]
    prior: tuple[Item, ...]
    empty: Mapping[str, Tensor]
    trigger: str
    family: str
    base_digest: str


def caption_for(path: Path, trigger: str, looks: str) -> str:
    """The caption of a photo: what `NAME.txt` beside it says, else the trigger word and the looks.

    The trigger word is put in front of a written caption that lacks it: a LoRA answers to it alone.
    """
    beside = path.with_suffix(".txt")
    if beside.is_file():
        written = " ".join(beside.read_text(encoding="utf-8", errors="replace").split())
        if written:
            return written if trigger.lower() in written.lower() else f"{trigger}, {written}"
    return f"{trigger}, {looks}" if looks else trigger


def training_facts(facts: Facts) -> LoraFacts:
    """How the family is trained; FilmforgeError for one that cannot be."""
    if facts.lora is None or not facts.trains:
        raise FilmforgeError(facts.unfinished or f"no LoRA can be trained on {facts.id} yet")
    return facts.lora


def prepare_prior(model: VideoModel, out: Path, *, on_step: Callable[[int, int], None] | None = None) -> None:
    """Write the prior samples of a model to `out` (safetensors), which all its characters are trained with.

    Seeds count from 0, so that they are the same for every character. `on_step` is called with the samples done and
    all there are.
    """
    tensors.save(out, _prior_samples(model, on_step), {"format": PRIOR_FORMAT})


def _prior_samples(model: VideoModel, on_step: Callable[[int, int], None] | None) -> dict[str, Tensor]:
    training = training_facts(model.facts)
    captions = training.prior_captions if training.prior > 0 else ()
    held: dict[str, Tensor] = {}
    if not captions:
        return held
    model.set_loras([])
    empty, *texts = model.encode(["", *captions])
    for done, text in enumerate(texts):
        sampled = model.sample(
            positive=text,
            negative=empty,
            frames=training.prior_frames,
            size=training.size,
            steps=min(_PRIOR_STEPS, model.facts.steps),
            guidance=model.facts.guidance,
            shift=model.facts.shift,
            seed=done,
        )
        held[f"prior.{done:05}.latents"] = sampled["latents"][0]
        held |= _named(f"prior.{done:05}.text", text)
        if on_step:
            on_step(done + 1, len(texts))
    return held


def prepare(
    model: VideoModel,
    examples: Sequence[Example],
    out: Path,
    *,
    trigger: str,
    prior: Path | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> None:
    """Write the data set of `examples` to `out` (safetensors; equal inputs give equal bytes).

    `prior` is what `prepare_prior` wrote for this model; without it they are sampled here. `on_step` is called with
    the examples done and all there are. MediaError for a file that is no picture or clip; LoraError when there are
    no examples.
    """
    if not examples:
        raise LoraError(f"{trigger}: there are no photos to train on")
    training = training_facts(model.facts)
    model.set_loras([])
    empty, *texts = model.encode(["", *(example.caption for example in examples)])
    held = _named("empty", empty)

    counts: list[int] = []
    for done, example in enumerate(examples):
        clips = read_clips(example.path, model.facts, training)
        for count, clip in enumerate(clips, sum(counts)):
            held[f"item.{count:05}.latents"] = model.encode_frames(clip)
            held |= _named(f"item.{count:05}.text", texts[done])
            if (condition := model.condition(clip)) is not None:
                held[f"item.{count:05}.condition"] = condition
        counts.append(len(clips))
        if on_step:
            on_step(done + 1, len(examples))
    tensors.save(
        out,
        held | (tensors.load(prior) if prior else _prior_samples(model, None)),
        {
            "format": FORMAT,
            "trigger": trigger,
            "family": model.facts.id,
            "base_digest": model.weights.digest or "",
            "clips": json.dumps(counts),
        },
    )


def read(path: Path) -> Dataset:
    """Read a data set that `prepare` wrote. LoraError for anything else."""
    try:
        said = tensors.metadata(path)
        held = tensors.load(path)
    except (OSError, tensors.NotSafetensorsError) as error:
        raise LoraError(f"{path}: the prepared data set cannot be read: {error}") from error
    if said.get("format") != FORMAT:
        raise LoraError(f"{path}: a data set in the format {said.get('format')}, and {FORMAT} is read")
    return Dataset(
        _items(held, "item"),
        tuple(json.loads(said["clips"])),
        _items(held, "prior"),
        _text(held, "empty"),
        said["trigger"],
        said["family"],
        said["base_digest"],
    )


def _items(held: dict[str, Tensor], kind: str) -> tuple[Item, ...]:
    stems = sorted({".".join(name.split(".")[:2]) for name in held if name.startswith(f"{kind}.")})
    return tuple(
        Item(held[f"{stem}.latents"], _text(held, f"{stem}.text"), held.get(f"{stem}.condition"))
        for stem in stems
    )


def _named(stem: str, text: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A text embedding's tensors by the names that a data set keeps them under: `STEM`, and `STEM.mask` and so on."""
    return {stem if name == "embeds" else f"{stem}.{name}": value for name, value in text.items()}


def _text(held: Mapping[str, Tensor], stem: str) -> dict[str, Tensor]:
    further = {
        name.removeprefix(f"{stem}."): value for name, value in held.items() if name.startswith(f"{stem}.")
    }
    return {"embeds": held[stem], **further}
