"""Renders with Wan 2.2 A14B: two experts of fourteen billion, one for high noise and one for low.

`transformer` works while t >= boundary x 1000, `transformer_2` after it, each with a guidance of its own. Text to
video and image to video are different weights, with 16 and 36 channels going in (noise; and, for an image, the
mask of the given frame and its latents). Source: diffusers 0.42.1, pipelines/wan; Wan-Video/Wan2.2, wan/configs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from filmforge.video_models import runtime
from filmforge.video_models.family import Setting
from filmforge.video_models.flow import Objective
from filmforge.video_models.model import Embedding
from filmforge.video_models.regions import Apart
from filmforge.video_models.sampling import Frame, OnStep, levels
from filmforge.video_models.wan import WanModel

_CHANNELS = {False: 16, True: 36}
"""What goes into the transformers: without, and with a given first frame."""


class WanA14BModel(WanModel):
    """One Wan 2.2 A14B, of text to video or of image to video."""

    experts = ("transformer", "transformer_2")

    def unfit_experts(self) -> str:
        """See `WanModel`."""
        if self.named("transformer_2") != "WanTransformer3DModel":
            return "it has one transformer, and an A14B has two"
        if self.index.get("expand_timesteps"):
            return "it is a Wan with per-token timesteps (expand_timesteps), and an A14B has none"
        wanted = _CHANNELS[self.facts.image_to_video]
        for expert in self.experts:
            if (has := self.config(expert)["in_channels"]) != wanted:
                return f"its {expert} takes {has} channels, those of {self.facts.id} take {wanted}"
        stored = self.index.get("boundary_ratio")
        if stored is not None and stored != self.facts.boundary:
            return f"its experts change at {stored}, those of {self.facts.id} at {self.facts.boundary}"
        return ""

    def sample(
        self,
        *,
        positive: Embedding,
        negative: Embedding | None,
        frames: int,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        shift: float | None,
        seed: int,
        start: Frame | None = None,
        end: Frame | None = None,
        apart: Apart | None = None,
        settings: Mapping[str, Setting] | None = None,
        on_step: OnStep | None = None,
    ) -> dict[str, Tensor]:
        """See `VideoModel`. `shift` is needed: what the published weights store is not what they are sampled with."""
        if (start is not None) is not self.facts.image_to_video:
            wanted = "a picture to start from" if self.facts.image_to_video else "no picture to start from"
            raise ValueError(f"{self.facts.id} renders with {wanted}")
        if shift is None:
            raise ValueError(f"{self.facts.id} needs its shift, such as {self.facts.shift}")
        return super().sample(
            positive=positive,
            negative=negative,
            frames=frames,
            size=size,
            steps=steps,
            guidance=guidance,
            shift=shift,
            seed=seed,
            start=start,
            end=end,
            apart=apart,
            settings=settings,
            on_step=on_step,
        )

    def sampled_by(self, settings: Mapping[str, Setting]) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `WanModel`."""
        given: dict[str, Any] = {
            "guidance_low": self.facts.guidance_low,
            "boundary": self.facts.boundary,
            **settings,
        }
        experts = {name: self.expert(name) for name in self.experts}
        return {**experts, "boundary_ratio": given["boundary"]}, {"guidance_scale_2": given["guidance_low"]}

    # -- training ------------------------------------------------------------------------------------------

    @property
    def objective(self) -> Objective:
        """See `VideoModel`."""
        from filmforge.video_models.wan_training import A14BObjective

        return A14BObjective(self)

    @torch.no_grad()
    def condition(self, frames: Frame) -> Tensor | None:
        """See `VideoModel`. From an image: 4 channels of mask, 16 of the latents of the first frame and grey after it.

        So it goes into the pipeline. A photo alone is not given: with the answer going in, nothing would be learned of
        it. It stands where all later frames stand, with a mask of 0 and grey.
        """
        if not self.facts.image_to_video:
            return None
        video = levels(frames, self.device)
        video[:, :, 1 if len(frames) > 1 else 0 :] = 0
        mean, std = self.latent_statistics
        with runtime.determined(self.threads):
            latents: Tensor = (self.vae.encode(video).latent_dist.mode() - mean) * (1.0 / std)
        mask = torch.zeros(1, self.facts.frame_step, *latents.shape[2:], device=self.device)
        if len(frames) > 1:
            mask[:, :, 0] = 1
        return torch.cat([mask, latents], dim=1)[0].float().cpu().contiguous()
