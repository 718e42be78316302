"""How Mochi 1's transformer is asked during training: everything the other way round.

It predicts data - noise, and is told how clean its input is: (1 - s) x 1000. Levels are uniform and there is no
shift. Source: genmoai/mochi, demos/fine_tuner/train.py; diffusers 0.42.1, pipelines/mochi with `invert_sigmas`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from filmforge.video_models import flow
from filmforge.video_models.flow import TRAINING_TIMESTEPS


class MochiObjective(flow.Objective):
    """Mochi 1."""

    def target(self, latents: Tensor, noise: Tensor) -> Tensor:
        """See `Objective`: the velocity away from noise."""
        return latents - noise

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
        with self.model.sampling():
            output: Tensor = transformer(
                hidden_states=noisy.to(transformer.dtype),
                encoder_hidden_states=text["embeds"].to(transformer.dtype),
                encoder_attention_mask=text["mask"],
                timestep=(1 - sigmas) * TRAINING_TIMESTEPS,
                return_dict=False,
            )[0]
        return output.float()
