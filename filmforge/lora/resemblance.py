"""How like the held-out photos the pictures are that are drawn during a training: beside their loss, it says what to keep.

Only with an embedder that ships with filmforge and knows what the model draws. What a LoRA is made from may hold no
embedder that a film names: naming another one would train every character again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor

from filmforge.lora.dataset import Dataset, Item, read, training_facts
from filmforge.lora.embedders import Embedder, load_embedder
from filmforge.lora.held_out import held_out_count
from filmforge.lora.likeness import looked_at, nearness
from filmforge.lora.pictures import read_clips
from filmforge.lora.previews import one_picture
from filmforge.video_models.embedder_weights import SHIPPED, find_embedder, ships_for
from filmforge.video_models.model import VideoModel
from filmforge.video_models.sampling import Frame

PICTURES = 3
"""How many are drawn each time, each with a seed of its own: a single one may be like her by chance."""
_OF_A_CLIP = 4
"""How many frames of a short clip among the photos are looked at."""


@dataclass(frozen=True, slots=True)
class Resemblance:
    """What compares: `near` draws with the weights as they are and gives the mean cosine to the held-out photos.

    `alike` is the same of the photos that are trained. `known_by` is the embedder's digest.
    """

    known_by: str
    alike: float
    near: Callable[[], float]


def resemblance(model: VideoModel, dataset: Path, photos: Sequence[Path]) -> Resemblance | None:
    """What compares pictures of `model` with those of `photos` that are held out from training on `dataset`.

    `photos` are those of the data set, in its order. None where none is held out, or no embedder for what the model
    draws ships with filmforge.
    """
    held = held_out_count(len(photos))
    if not held or not ships_for(model.facts.id) or len(model.experts) > 1:
        return None
    embedder = load_embedder(SHIPPED, None)
    own, apart = (_points(embedder, _pictures(model, some)) for some in (photos[:-held], photos[-held:]))
    data = read(dataset)
    firsts = [data.items[at] for at in _first_items(data)[-held:]]

    def near() -> float:
        return nearness(_points(embedder, list(_drawn(model, data, firsts))), apart)

    digest = find_embedder(SHIPPED, Path()).digest or ""
    return Resemblance(digest, nearness(own, apart), near)


def _pictures(model: VideoModel, photos: Sequence[Path]) -> list[Frame]:
    """The photos as they are trained on, and a few frames of each clip among them."""
    clips = [clip for path in photos for clip in read_clips(path, model.facts, training_facts(model.facts))]
    return [clip[index] for clip in clips for index in looked_at(len(clip), _OF_A_CLIP)]


def _first_items(data: Dataset) -> list[int]:
    """Which item of the data set is the first of each photo or clip."""
    return list(accumulate(data.clips[:-1], initial=0))


def _drawn(model: VideoModel, data: Dataset, items: Sequence[Item]) -> Iterator[Frame]:
    """Pictures of the items' captions in turn, always the same with the same weights."""
    with _transformer_stays(model):
        for number in range(PICTURES):
            yield one_picture(model, items[number % len(items)].text, data.empty, seed=1 + number)


@contextmanager
def _transformer_stays(model: VideoModel) -> Iterator[None]:
    """Have the transformer, which is being trained, not leave the device for decoding, whatever the plan of memory.

    What is kept must not depend on how much memory there is; and training takes more of it than decoding one picture.
    """
    plan = model.memory
    model.memory = replace(plan, clear=False) if plan is not None else None
    try:
        yield
    finally:
        model.memory = plan


def _points(embedder: Embedder, pictures: Sequence[Frame]) -> Tensor:
    """Their vectors, on one thread: sums that threads share differ in the last bits by how many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return embedder.points(pictures)
    finally:
        torch.set_num_threads(threads)
