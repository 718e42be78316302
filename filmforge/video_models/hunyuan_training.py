"""How HunyuanVideo's transformer is asked during training: with the guidance that its trainers name, which is 1.

The velocity noise - data at s x 1000. The guidance is a number that goes in; a picture is sampled at 6, and trained
at 1, since the photos are what the model should make without any: musubi-tuner, finetrainers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from filmforge.video_models import flow
from filmforge.video_models.flow import TRAINING_TIMESTEPS

GUIDANCE = 1.0
"""The embedded guidance during training; the pipeline tells it to the transformer x 1000."""


class HunyuanObjective(flow.Objective):
    """HunyuanVideo, text to video."""

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
        dtype = transformer.dtype
        output: Tensor = transformer(
            hidden_states=noisy.to(dtype),
            timestep=sigmas * TRAINING_TIMESTEPS,
            encoder_hidden_states=text["embeds"].to(dtype),
            encoder_attention_mask=text["mask"].to(dtype),
            pooled_projections=text["pooled"].to(dtype),
            guidance=noisy.new_full((len(noisy),), GUIDANCE, dtype=dtype) * 1000.0,
            return_dict=False,
        )[0]
        return output.float()
