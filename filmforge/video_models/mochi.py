"""Renders with Mochi 1: levels that run from 0 up to 1, linear at first and then quadratic, and no shift.

Six frames share a latent, so a clip has 6k+1. Sampling, guidance and noise are in fp32, as its authors do it.
Source: diffusers 0.42.1, pipelines/mochi; genmoai/mochi.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from filmforge.errors import FilmforgeError
from filmforge.video_models import runtime
from filmforge.video_models.family import Setting
from filmforge.video_models.flow import Objective
from filmforge.video_models.model import Embedding, VideoModel
from filmforge.video_models.sampling import Frame, OnStep, kept_noise, levels, pixels, reporter

if TYPE_CHECKING:
    from PIL.Image import Image

_SCALE = 8
"""Pixels to a side that one latent stands for."""
_TEXT = {"embeds": "prompt_embeds", "mask": "prompt_attention_mask"}
_NEGATIVE = {name: f"negative_{argument}" for name, argument in _TEXT.items()}


class MochiModel(VideoModel):
    """One Mochi 1."""

    pipeline = "MochiPipeline"
    reversed_noise = True

    def unfit(self) -> str:
        """See `VideoModel`."""
        for part, kind in (
            ("transformer", "MochiTransformer3DModel"),
            ("vae", "AutoencoderKLMochi"),
            ("text_encoder", "T5EncoderModel"),
        ):
            if self.named(part) != kind:
                return f"its {part} is a {self.named(part)}"
        if not self.config("scheduler").get("invert_sigmas"):
            # Without it the transformer is told the opposite of how noisy its input is, and nothing warns.
            return "its scheduler does not invert the noise levels (invert_sigmas), and Mochi's are reversed"
        return ""

    @property
    def vae_dtype(self) -> torch.dtype:
        """The declared precision, as the official pipeline has it for all parts."""
        return self.dtype

    def sampling(self) -> AbstractContextManager[None]:
        """See `VideoModel`."""
        # Positions are computed under an autocast to fp32, which a processor has not and does not need.
        known = ("In CPU autocast, but the target dtype is not supported",)
        return runtime.warnings_are_errors(FilmforgeError, f"{self.facts.id}: sampling", known=known)

    # -- prompts -------------------------------------------------------------------------------------------

    def embed(self, prompt: str, start: Image | None) -> Embedding:
        """`embeds` of shape [text_length, width], and `mask`, true where there is text."""
        pipeline = self.around(
            tokenizer=self.text_part("tokenizer"),
            text_encoder=self.text_part("text_encoder"),
            # Whether an empty prompt is zeros is stored with the weights.
            force_zeros_for_empty_prompt=bool(self.index.get("force_zeros_for_empty_prompt")),
        )
        embeds, mask, _, _ = pipeline.encode_prompt(
            prompt,
            do_classifier_free_guidance=False,
            max_sequence_length=self.facts.text_length,
            device=self.device,
        )
        return {"embeds": embeds[0], "mask": mask[0]}

    # -- sampling ------------------------------------------------------------------------------------------

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
        settings: Mapping[str, Setting] | None = None,
        on_step: OnStep | None = None,
    ) -> dict[str, Tensor]:
        """See `VideoModel`. At least two steps: the schedule has a linear and a quadratic half."""
        self.check_shape(frames, size)
        if shift is not None:
            raise ValueError(f"{self.facts.id} has no shift to declare: {self.facts.schedule}")
        if start is not None:
            raise ValueError(f"{self.facts.id} renders with no picture to start from")
        if steps < 2:
            raise ValueError(f"{self.facts.id} needs at least 2 steps: {self.facts.schedule}")
        if guidance > 1 and negative is None:
            raise ValueError(f"guidance {guidance} needs a negative prompt, if only the empty one")
        arguments: dict[str, Any] = {
            **self.batch(positive, _TEXT),
            "width": size[0],
            "height": size[1],
            "num_frames": frames,
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "generator": kept_noise(seed),
            "output_type": "latent",
            "callback_on_step_end": reporter(on_step, steps),
        }
        if guidance > 1 and negative is not None:
            arguments |= self.batch(negative, _NEGATIVE)
        pipeline = self.around(scheduler=self.scheduler(), transformer=self.transformer)
        with runtime.determined(self.threads), self.sampling():
            latents = pipeline(**arguments).frames
        return {"latents": latents.float().cpu().contiguous()}

    # -- training ------------------------------------------------------------------------------------------

    @property
    def objective(self) -> Objective:
        """See `VideoModel`."""
        from filmforge.video_models.mochi_training import MochiObjective

        return MochiObjective(self)

    @torch.no_grad()
    def encode_frames(self, frames: Frame) -> Tensor:
        """See `VideoModel`."""
        count, height, width, _ = frames.shape
        self.check_shape(count, (width, height))
        self.tile((width, height))
        video = levels(frames, self.device).to(self.vae_dtype)
        with runtime.determined(self.threads):
            found = self.vae.encode(video).latent_dist.mode().float()
        mean, std = self.latent_statistics
        latents: Tensor = (found - mean) * self.vae.config.scaling_factor / std
        return latents[0].cpu().contiguous()

    # -- pixels --------------------------------------------------------------------------------------------

    @torch.no_grad()
    def decode(
        self, latents: Mapping[str, Tensor], *, settings: Mapping[str, Setting] | None = None
    ) -> Frame:
        """See `VideoModel`."""
        self.clear()
        data = latents["latents"].to(self.device, torch.float32)
        self.tile((data.shape[4] * _SCALE, data.shape[3] * _SCALE))
        mean, std = self.latent_statistics
        scaled = data * std / self.vae.config.scaling_factor + mean
        with runtime.determined(self.threads):
            video = self.vae.decode(scaled.to(self.vae_dtype), return_dict=False)[0]
        return pixels(video)
