"""Photos kept from training, and what their loss says: how long to train, and which weights to keep.

The loss on what is trained falls for ever; on photos that were never seen it turns once they are learned by heart.
It is measured at fixed noise and fixed noise levels, so that it differs by the weights alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from filmforge.lora.batches import seed_of
from filmforge.lora.curve import Measured
from filmforge.lora.dataset import Dataset, Item
from filmforge.lora.losses import Run, beside
from filmforge.video_models import flow

FEWEST = 8
"""Photos and clips from which on one is held out: of fewer, each is worth more in training."""
_SHARE = 10
_PAIRS = 8
"""At how many pairs of a held-out item and a noise level the loss is measured, if there are no more items."""
_MOST_TIMES = 20
_FEWEST_TIMES = 3
_COST = 0.02
"""The share of a training's time that measuring may take."""
_COMPARED = 8
_STEP_IN_FORWARDS = 3
"""What a training step costs for each of its items, in predictions: one of them, and its gradient twice that."""


def split(data: Dataset) -> tuple[Dataset, tuple[Item, ...]]:
    """What is trained on, and what is held out: the last tenth of the photos, with all the items they gave.

    Films hand photos in by the order of their digests, which is as good as chance.
    """
    trained = len(data.clips) - held_out_count(len(data.clips))
    items = sum(data.clips[:trained])
    return replace(data, items=data.items[:items], clips=data.clips[:trained]), data.items[items:]


def held_out_count(photos: int) -> int:
    """How many of so many photos are held out."""
    return max(1, photos // _SHARE) if photos >= FEWEST else 0


def times(steps: int, batch: int, items: int) -> tuple[int, ...]:
    """After which steps the loss is measured: some 20 times, fewer where that would cost more than a fiftieth."""
    if not items:
        return ()
    affordable = int(_COST * steps * batch * _STEP_IN_FORWARDS / max(_PAIRS, items))
    count = min(steps, max(_FEWEST_TIMES, min(_MOST_TIMES, affordable)))
    return tuple(round(steps * (n + 1) / count) for n in range(count))


def drawn_at(due: Sequence[int], steps: int) -> frozenset[int]:
    """Of the steps after which the loss is measured, those after which pictures may be compared too: one each eighth.

    On pocket a picture costs more than a step of training: drawn each time they would take a quarter of it all.
    """
    parts = (steps * n / _COMPARED for n in range(1, _COMPARED + 1))
    return frozenset(next(step for step in due if step >= part) for part in parts if due)


@torch.no_grad()
def measure(run: Run, transformer: Any, step: int) -> Measured:
    """The loss of the held-out items as the weights are, spread evenly over the noise levels that are trained.

    Items of one shape go through the transformer together, as many as in a step of training.
    """
    count = max(_PAIRS, len(run.held_out))
    groups: dict[tuple[int, ...], list[int]] = {}
    for pair in range(count):
        shape = tuple(run.held_out[pair % len(run.held_out)].latents.shape)
        groups.setdefault(shape, []).append(pair)
    losses = [0.0] * count
    for group in groups.values():
        for at in range(0, len(group), run.settings.batch):
            pairs = group[at : at + run.settings.batch]
            for pair, value in zip(pairs, _losses(run, transformer, pairs, count), strict=True):
                losses[pair] = value
    return Measured(step, tuple(losses))


def _losses(run: Run, transformer: Any, pairs: list[int], count: int) -> list[float]:
    """The losses of pairs of one shape, out of `count` in all, each with the noise and at the level of its number."""
    items = [run.held_out[pair % len(run.held_out)] for pair in pairs]
    shift = run.shift(items[0].latents)
    shares = torch.tensor([(pair + 0.5) / count for pair in pairs], dtype=torch.float64)
    levels = flow.at_shares(shares, run.settings.sampling, run.within_before(shift))
    draws = [torch.Generator("cpu").manual_seed(seed_of(0, "held out", pair)) for pair in pairs]
    noise = torch.stack([torch.randn(items[0].latents.shape, generator=draw) for draw in draws])
    place = run.model.device
    latents = torch.stack([item.latents for item in items]).to(place)
    noise, sigmas = noise.to(place), flow.shifted(levels, shift).to(place)
    given = torch.zeros(len(pairs), dtype=torch.bool, device=place)
    text, condition = beside(run, [item.text for item in items], items)
    noisy = flow.noised(latents, noise, sigmas, given)
    prediction = run.objective.predicted(transformer, noisy, sigmas, text, given, condition)
    found: list[float] = flow.loss(prediction, run.objective.target(latents, noise), given).tolist()
    return found
