"""What a step of training costs: the loss of a batch, against the character's items and the base's own pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from filmforge.lora.dataset import Dataset, Item
from filmforge.video_models import flow
from filmforge.video_models.flow import Objective
from filmforge.video_models.model import VideoModel

if TYPE_CHECKING:
    from filmforge.lora.resemblance import Resemblance
    from filmforge.lora.train import TrainSettings


@dataclass(frozen=True, slots=True)
class Run:
    """The training of one expert: all that its steps need. `within` are the noise levels at which it works.

    `held_out` are items that it is not trained on, and `resemblance` compares what is drawn with their photos.
    """

    model: VideoModel
    objective: Objective
    expert: str
    within: tuple[float, float]
    data: Dataset
    held_out: tuple[Item, ...]
    settings: TrainSettings
    identity: str
    resemblance: Resemblance | None = None

    def shift(self, latents: Tensor) -> float:
        """The shift of the noise levels for latents [C, T, H, W]."""
        return self.objective.shift(self.settings.shift, tuple(latents.shape))

    def within_before(self, shift: float) -> tuple[float, float]:
        """The expert's noise levels before the shift."""
        low, high = (flow.unshifted(level, shift) for level in self.within)
        return low, high


def group_loss(run: Run, transformer: Any, group: list[tuple[Item, bool]], draw: torch.Generator) -> Tensor:
    """The summed loss of items of one shape; of a prior item, the distance from what the base predicts."""
    settings, objective = run.settings, run.objective
    count = len(group)
    latents = torch.stack([item.latents for item, _ in group])
    prior = torch.tensor([is_prior for _, is_prior in group])
    shift = run.shift(latents[0])
    sigmas = flow.shifted(flow.drawn(count, settings.sampling, draw, run.within_before(shift)), shift)
    noise = torch.randn(latents.shape, generator=draw)
    given = (torch.rand(count, generator=draw) < settings.start_frame) & (latents.shape[2] > 1)
    dropped = (torch.rand(count, generator=draw) < settings.caption_dropout) & ~prior
    texts = [
        run.data.empty if drop else item.text for (item, _), drop in zip(group, dropped.tolist(), strict=True)
    ]
    place = run.model.device
    latents, sigmas, noise, given, prior = (t.to(place) for t in (latents, sigmas, noise, given, prior))
    text, condition = beside(run, texts, [item for item, _ in group])

    noisy = flow.noised(latents, noise, sigmas, given)
    target = objective.target(latents, noise)
    if prior.any():
        of_prior = {name: value[prior] for name, value in text.items()}
        own = None if condition is None else condition[prior]
        with _base_alone(transformer):
            target[prior] = objective.predicted(
                transformer, noisy[prior], sigmas[prior], of_prior, given[prior], own
            )
    prediction = objective.predicted(transformer, noisy, sigmas, text, given, condition)
    return flow.loss(prediction, target, given).sum()


def beside(
    run: Run, texts: Sequence[Mapping[str, Tensor]], items: Sequence[Item]
) -> tuple[dict[str, Tensor], Tensor | None]:
    """What goes in with the latents, on the device: the texts with a batch axis, and the items' conditions."""
    place = run.model.device
    text = {name: torch.stack([one[name] for one in texts]).to(place) for name in texts[0]}
    conditions = [item.condition for item in items if item.condition is not None]
    return text, torch.stack(conditions).to(place) if conditions else None


@contextmanager
def _base_alone(transformer: Any) -> Iterator[None]:
    """Have the model predict without the LoRA that is being trained."""
    transformer.disable_adapters()
    try:
        with torch.no_grad():
            yield
    finally:
        transformer.enable_adapters()
