"""Which items a training step sees: every photo as often as the others, and the share of prior samples exactly."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch

from filmforge.lora.dataset import Dataset, Item

if TYPE_CHECKING:
    from filmforge.lora.train import TrainSettings


def batch_of(
    data: Dataset, settings: TrainSettings, step: int, draw: torch.Generator
) -> list[tuple[Item, bool]]:
    """The items of a step, and whether each is a prior sample. Each photo is seen as often as the others."""
    prior_before, prior_after = (_prior_items(data, settings, n) for n in (step, step + 1))
    of_prior = prior_after - prior_before
    own = settings.batch - of_prior
    seen = step * settings.batch - prior_before
    batch = [(data.items[_nth(seen + i, len(data.items), settings.seed)], False) for i in range(own)]
    picks = torch.randint(len(data.prior), (of_prior,), generator=draw).tolist() if of_prior else []
    return batch + [(data.prior[pick], True) for pick in picks]


def by_shape(batch: list[tuple[Item, bool]]) -> list[list[tuple[Item, bool]]]:
    """Items of one shape go through the transformer together."""
    groups: dict[tuple[int, ...], list[tuple[Item, bool]]] = {}
    for item, is_prior in batch:
        groups.setdefault(tuple(item.latents.shape), []).append((item, is_prior))
    return list(groups.values())


def seed_of(seed: int, what: str, number: int) -> int:
    """A seed for the `number`th of something, such as a step."""
    digest = hashlib.sha256(f"{seed}/{what}/{number}".encode()).digest()
    return int.from_bytes(digest[:8], "little") % 2**63


def _prior_items(data: Dataset, settings: TrainSettings, steps: int) -> int:
    """How many prior samples the first `steps` steps hold: their share of all, whatever the batch."""
    return int(steps * settings.batch * settings.prior + 1e-9) if data.prior else 0


def _nth(position: int, count: int, seed: int) -> int:
    """Which item comes at `position`: every round goes through all of them, each in an order of its own."""
    turn, place = divmod(position, count)
    order = torch.randperm(count, generator=torch.Generator("cpu").manual_seed(seed_of(seed, "round", turn)))
    return int(order[place])
