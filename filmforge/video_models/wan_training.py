"""How the transformers of Wan are asked during training.

The objective is rectified flow as in Wan (https://arxiv.org/abs/2503.20314): the velocity noise - data. Timesteps
are s x 1000. Wan 2.2 TI2V has one for each token, 0 for those of a first frame that is given. A14B has one a clip, an
expert for each part of the levels, and, from an image, the first frame and a mask as further channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from filmforge.video_models import flow
from filmforge.video_models.flow import TRAINING_TIMESTEPS


class WanObjective(flow.Objective):
    """Wan 2.2 TI2V and pocket."""

    def predicted(
        self,
        transformer: Any,
        noisy: Tensor,
        sigmas: Tensor,
        text: Mapping[str, Tensor],
        given: Tensor,
        condition: Tensor | None = None,
    ) -> Tensor:
        """See `Objective`."""
        return predicted(transformer, noisy, sigmas, text["embeds"], given)


class A14BObjective(flow.Objective):
    """Wan 2.2 A14B: `transformer` learns the levels from the boundary up, `transformer_2` those below it."""

    def ranges(self) -> dict[str, tuple[float, float]]:
        """See `Objective`. The boundary is a noise level, as `boundary_ratio` of the pipeline is."""
        boundary = self.model.facts.boundary
        assert boundary is not None  # of every family with two experts
        return {"transformer": (boundary, 1.0), "transformer_2": (0.0, boundary)}

    def predicted(
        self,
        transformer: Any,
        noisy: Tensor,
        sigmas: Tensor,
        text: Mapping[str, Tensor],
        given: Tensor,
        condition: Tensor | None = None,
    ) -> Tensor:
        """See `Objective`."""
        if condition is not None:
            noisy = torch.cat([noisy, condition], dim=1)
        return predicted(transformer, noisy, sigmas, text["embeds"], given)


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
