"""What Wan 2.2 TI2V learns: the flow-matching objective, and how the transformer is asked during training.

Rectified flow (https://arxiv.org/abs/2209.03003) as in Wan (https://arxiv.org/abs/2503.20314): a point on the
straight line between data and noise, x = (1 - s) data + s noise, and the velocity along it, noise - data.
Timesteps are s x 1000, one for each token: 0 for the tokens of a first frame that is given.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

TRAINING_TIMESTEPS = 1000


def shifted(sigmas: Tensor, shift: float) -> Tensor:
    """Move noise levels (0 to 1) towards noise, as the scheduler does when sampling."""
    return shift * sigmas / (1 + (shift - 1) * sigmas)


def noised(latents: Tensor, noise: Tensor, sigmas: Tensor, given: Tensor) -> Tensor:
    """Latents [batch, C, T, H, W] at noise levels `sigmas` [batch]; frame 0 stays clean where `given`."""
    s = sigmas.view(-1, 1, 1, 1, 1)
    mixed = (1 - s) * latents + s * noise
    clean = given.view(-1, 1, 1, 1)
    mixed[:, :, 0] = torch.where(clean, latents[:, :, 0], mixed[:, :, 0])
    return mixed


def wanted(latents: Tensor, noise: Tensor) -> Tensor:
    """The velocity that the transformer is to predict."""
    return noise - latents


def predicted(transformer: Any, noisy: Tensor, sigmas: Tensor, text: Tensor, given: Tensor) -> Tensor:
    """The transformer's velocity, fp32, for `noisy` [batch, C, T, H, W] and `text` [batch, length, width]."""
    output: Tensor = transformer(
        hidden_states=noisy.to(transformer.dtype),
        timestep=_timesteps(transformer, noisy, sigmas, given),
        encoder_hidden_states=text.to(transformer.dtype),
        return_dict=False,
    )[0]
    return output.float()


def _timesteps(transformer: Any, noisy: Tensor, sigmas: Tensor, given: Tensor) -> Tensor:
    """One timestep a token; one an item where no first frame is given: the same, and cheaper."""
    steps = sigmas * TRAINING_TIMESTEPS
    if not given.any():
        return steps
    batch, _, frames, height, width = noisy.shape
    _, rows, columns = transformer.config.patch_size
    by_frame = steps.view(batch, 1).repeat(1, frames)
    by_frame[:, 0] = torch.where(given, torch.zeros_like(steps), by_frame[:, 0])
    return by_frame.repeat_interleave((height // rows) * (width // columns), dim=1)


def loss(prediction: Tensor, target: Tensor, given: Tensor) -> Tensor:
    """Mean squared error by item [batch]; a first frame that was given counts for nothing."""
    error = (prediction - target).square().mean(dim=(1, 3, 4))  # [batch, frames]
    counts = torch.ones_like(error)
    counts[:, 0] = torch.where(given, torch.zeros_like(counts[:, 0]), counts[:, 0])
    return (error * counts).sum(dim=1) / counts.sum(dim=1)
