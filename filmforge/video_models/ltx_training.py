"""How LTX-Video's transformer is asked during training: packed latents, positions in seconds, masked text.

The velocity noise - data at s x 1000, as diffusers 0.42.1 samples it; a timestep for each token, 0 for those of a
first frame that is given. Levels are spread as Lightricks/LTX-Video-Trainer spreads them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from diffusers import LTXConditionPipeline, LTXPipeline
from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift
from torch import Tensor

from filmforge.video_models import flow
from filmforge.video_models.flow import TRAINING_TIMESTEPS

if TYPE_CHECKING:
    from filmforge.video_models.ltx import LTXModel

_SPREAD = (1024, 4096, 0.95, 2.05)
"""From how many tokens to how many, and the mean of the logit-normal levels at each (LTX-Video-Trainer)."""


class LTXObjective(flow.Objective):
    """LTX-Video 0.9, of both kinds."""

    model: LTXModel

    def shift(self, declared: float, latents: tuple[int, ...]) -> float:
        """See `Objective`. A shift by e^m moves the mean of logit-normal levels by m, which follows from the tokens."""
        _, frames, height, width = latents
        mean: float = calculate_shift(frames * height * width, *_SPREAD)
        return math.exp(mean)

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
        patches = (transformer.config.patch_size, transformer.config.patch_size_t)
        frames, height, width = noisy.shape[2:]
        output: Tensor = transformer(
            hidden_states=LTXPipeline._pack_latents(noisy, *patches).to(transformer.dtype),
            encoder_hidden_states=text["embeds"].to(transformer.dtype),
            encoder_attention_mask=text["mask"],
            timestep=_timesteps(sigmas, given, frames, height * width),
            return_dict=False,
            **self._positions(len(noisy), frames, height, width),
        )[0]
        return LTXPipeline._unpack_latents(output, frames, height, width, *patches).float()  # type: ignore[no-any-return]

    def _positions(self, count: int, frames: int, height: int, width: int) -> dict[str, Any]:
        """Where each token is, in seconds and pixels, in the way in which these weights are told it."""
        time, side = self.model.vae_scale
        rate = float(self.model.facts.fps)
        if self.model.by_tokens:
            scale = (time / rate, side, side)
            return {
                "num_frames": frames,
                "height": height,
                "width": width,
                "rope_interpolation_scale": scale,
            }
        kind: Any = LTXConditionPipeline
        ids = kind._prepare_video_ids(count, frames, height, width, device=self.model.device)
        places = kind._scale_video_ids(
            ids, scale_factor=side, scale_factor_t=time, frame_index=0, device=self.model.device
        ).float()
        places[:, 0] = places[:, 0] / rate
        return {"video_coords": places}


def _timesteps(sigmas: Tensor, given: Tensor, frames: int, tokens: int) -> Tensor:
    """One timestep a token [batch, frames x tokens]; one an item where no first frame is given: the same, cheaper."""
    steps = (sigmas * TRAINING_TIMESTEPS).view(-1, 1)
    if not given.any():
        return steps
    by_frame = steps.repeat(1, frames)
    by_frame[:, 0] = torch.where(given, torch.zeros_like(by_frame[:, 0]), by_frame[:, 0])
    return by_frame.repeat_interleave(tokens, dim=1)
