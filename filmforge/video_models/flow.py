"""What models of rectified flow learn, and what a family says of its own way of learning it.

Rectified flow (https://arxiv.org/abs/2209.03003): a point on the straight line between data and noise,
x = (1 - s) data + s noise at the noise level s of 0 to 1, and the velocity along it. All families here learn that;
they differ in its sign, in how the level is told, in how levels are spread, and in what else goes in.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from filmforge.video_models.model import VideoModel

TRAINING_TIMESTEPS = 1000


def shifted(sigmas: Tensor, shift: float) -> Tensor:
    """Move noise levels (0 to 1) towards noise, as the scheduler does when sampling."""
    return shift * sigmas / (1 + (shift - 1) * sigmas)


def unshifted(sigma: float, shift: float) -> float:
    """The noise level that `shifted` moves to `sigma`; 0 and 1 stay exactly what they are."""
    if sigma in (0, 1):
        return sigma
    return sigma / (shift - (shift - 1) * sigma)


def drawn(count: int, sampling: str, draw: torch.Generator, within: tuple[float, float] = (0, 1)) -> Tensor:
    """`count` noise levels between the two of `within`, before the shift.

    Logit-normal: https://arxiv.org/abs/2403.03206. A part of the range is drawn by turning its share of the
    distribution over, so that a level never has to be thrown away.
    """
    if sampling == "uniform":
        low, high = within
        return low + (high - low) * torch.rand(count, generator=draw)
    if within == (0, 1):
        return torch.randn(count, generator=draw).sigmoid()
    return at_shares(torch.rand(count, generator=draw, dtype=torch.float64), sampling, within)


def at_shares(shares: Tensor, sampling: str, within: tuple[float, float] = (0, 1)) -> Tensor:
    """The noise levels, before the shift, under which these shares (0 to 1, fp64) of those drawn in `within` lie."""
    if sampling == "uniform":
        low, high = within
        return (low + (high - low) * shares).float()
    low, high = (_normal_share(level) for level in within)
    levels: Tensor = torch.special.ndtri(low + (high - low) * shares).sigmoid().clamp(*within).float()
    return levels


def _normal_share(level: float) -> float:
    """Which share of logit-normal noise levels lies below `level`."""
    if level in (0, 1):
        return float(level)
    return 0.5 * math.erfc(-math.log(level / (1 - level)) / math.sqrt(2))


def noised(latents: Tensor, noise: Tensor, sigmas: Tensor, given: Tensor) -> Tensor:
    """Latents [batch, C, T, H, W] at noise levels `sigmas` [batch]; frame 0 stays clean where `given`."""
    s = sigmas.view(-1, 1, 1, 1, 1)
    mixed = (1 - s) * latents + s * noise
    clean = given.view(-1, 1, 1, 1)
    mixed[:, :, 0] = torch.where(clean, latents[:, :, 0], mixed[:, :, 0])
    return mixed


def wanted(latents: Tensor, noise: Tensor) -> Tensor:
    """The velocity towards noise, which most families predict."""
    return noise - latents


def loss(prediction: Tensor, target: Tensor, given: Tensor) -> Tensor:
    """Mean squared error by item [batch]; a first frame that was given counts for nothing."""
    error = (prediction - target).square().mean(dim=(1, 3, 4))  # [batch, frames]
    counts = torch.ones_like(error)
    counts[:, 0] = torch.where(given, torch.zeros_like(counts[:, 0]), counts[:, 0])
    return (error * counts).sum(dim=1) / counts.sum(dim=1)


class Objective(ABC):
    """How one family learns. `given` [batch] marks clips whose first frame goes in clean."""

    def __init__(self, model: VideoModel) -> None:
        self.model = model

    def ranges(self) -> dict[str, tuple[float, float]]:
        """By expert, the noise levels (0 to 1, after the shift) at which it works. One expert works at all."""
        return {"transformer": (0.0, 1.0)}

    def shift(self, declared: float, latents: tuple[int, ...]) -> float:
        """The shift of the noise levels for latents of the shape [C, T, H, W]."""
        return declared

    def target(self, latents: Tensor, noise: Tensor) -> Tensor:
        """What the transformer is to predict, [batch, C, T, H, W]."""
        return wanted(latents, noise)

    @abstractmethod
    def predicted(
        self,
        transformer: Any,
        noisy: Tensor,
        sigmas: Tensor,
        text: Mapping[str, Tensor],
        given: Tensor,
        condition: Tensor | None = None,
    ) -> Tensor:
        """The transformer's velocity, fp32 [batch, C, T, H, W], asked as the family's pipeline asks it.

        `noisy` [batch, C, T, H, W] at the levels `sigmas` [batch], with `text` by name, each with a batch axis.
        `condition` [batch, channels, T, H, W] is what goes in beside the latents, where the family has it.
        """
