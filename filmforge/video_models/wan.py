"""Renders with Wan 2.2 TI2V and what shares its layout (pocket), through diffusers' own pipelines.

One transformer, per-token timesteps (`expand_timesteps`), text to video and image to video from the same
weights. Source of the layout: diffusers 0.42.1, pipelines/wan, and Wan-AI/Wan2.2-TI2V-5B-Diffusers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import diffusers
import torch
from torch import Tensor

from filmforge.video_models import runtime
from filmforge.video_models.family import Setting
from filmforge.video_models.flow import Objective
from filmforge.video_models.model import Embedding, VideoModel
from filmforge.video_models.regions import Apart, kept_apart
from filmforge.video_models.sampling import Frame, OnStep, cover, kept_noise, levels, pixels, reporter

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Frame", "WanModel", "cover"]


class WanModel(VideoModel):
    """One model of the Wan 2.2 TI2V layout."""

    pipeline = "WanPipeline"

    def unfit(self) -> str:
        """See `VideoModel`."""
        if self.named("transformer") != "WanTransformer3DModel":
            return f"its transformer is a {self.named('transformer')}"
        if wrong := self.unfit_experts():
            return wrong
        if self.named("text_encoder") not in ("UMT5EncoderModel", "T5EncoderModel"):
            return f"its text encoder is a {self.named('text_encoder')}"
        vae, transformer = self.config("vae"), self.config("transformer")
        multiple = vae["scale_factor_spatial"] * transformer["patch_size"][1]
        if self.facts.size_multiple % multiple or vae["scale_factor_temporal"] != self.facts.frame_step:
            return f"its sizes are multiples of {multiple}, those of {self.facts.id} of {self.facts.size_multiple}"
        return ""

    def unfit_experts(self) -> str:
        """Why the transformers are not of this family; empty when they are."""
        if not self.index.get("expand_timesteps"):
            return "it is a Wan without per-token timesteps (expand_timesteps)"
        return ""

    # -- prompts -------------------------------------------------------------------------------------------

    def embed(self, prompt: str, start: Image | None) -> Embedding:
        """`embeds` of shape [text_length, width], zeros past the prompt's end."""
        pipeline = self.around(
            tokenizer=self.text_part("tokenizer"), text_encoder=self.text_part("text_encoder")
        )
        embeds, _ = pipeline.encode_prompt(
            prompt,
            do_classifier_free_guidance=False,
            # Said explicitly: `encode_prompt` alone would take 226 where sampling takes 512.
            max_sequence_length=self.facts.text_length,
            device=self.device,
        )
        return {"embeds": embeds[0]}

    def cleaned(self, prompt: str) -> str:
        """See `VideoModel`."""
        from diffusers.pipelines.wan import pipeline_wan

        tidied: str = pipeline_wan.prompt_clean(prompt)  # type: ignore[no-untyped-call]
        return tidied

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
        end: Frame | None = None,
        apart: Apart | None = None,
        settings: Mapping[str, Setting] | None = None,
        on_step: OnStep | None = None,
    ) -> dict[str, Tensor]:
        """See `VideoModel`. ValueError for an `end` where the timesteps are per token: diffusers would leave it out."""
        self.check_shape(frames, size)
        if guidance > 1 and negative is None:
            raise ValueError(f"guidance {guidance} needs a negative prompt, if only the empty one")
        width, height = size
        words = positive if apart is None else {"embeds": torch.cat(apart.texts)}
        arguments: dict[str, Any] = {
            **self.batch(words, {"embeds": "prompt_embeds"}),
            "negative_prompt_embeds": None,
            "height": height,
            "width": width,
            "num_frames": frames,
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "generator": kept_noise(seed),
            "output_type": "latent",
        }
        if guidance > 1 and negative is not None:
            arguments |= self.batch(negative, {"embeds": "negative_prompt_embeds"})
        if start is not None:
            arguments["image"] = cover(start, size)
        if end is not None:
            if start is None or not self.facts.last_frame:
                raise ValueError(f"{self.facts.id} cannot be given its last frame so")
            arguments["last_image"] = cover(end, size)
        own, further = self.sampled_by(settings or self.facts.settings)
        pipeline = self.around(
            "WanPipeline" if start is None else "WanImageToVideoPipeline",
            vae=self.vae,
            scheduler=self.shifted_scheduler(shift),
            **own,
        )
        self.tile(size)
        experts = {name: self.expert(name) for name in self.experts} if apart else {}
        with (
            runtime.determined(self.threads),
            self.sampling(),
            kept_apart(experts, apart, self.token_grid(frames, size)) as strips,
        ):
            told = reporter(on_step, steps, strips=strips)
            latents = pipeline(**arguments, **further, callback_on_step_end=told).frames
        return {"latents": latents.float().cpu().contiguous()}

    def sampled_by(self, settings: Mapping[str, Setting]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the pipeline is built from, and called with, beside what all Wans share."""
        return {"transformer": self.transformer, "expand_timesteps": True}, {}

    def token_grid(self, frames: int, size: tuple[int, int]) -> tuple[int, int, int]:
        """What a clip is to the transformer: its latent frames, and the rows and columns of tokens in each."""
        vae, patch = self.vae.config, self.config("transformer")["patch_size"]
        width, height = (side // vae.scale_factor_spatial for side in size)
        return (
            ((frames - 1) // vae.scale_factor_temporal + 1) // patch[0],
            height // patch[1],
            width // patch[2],
        )

    def shifted_scheduler(self, shift: float | None) -> Any:
        """A fresh scheduler with the declared shift instead of the stored one, under the name that its kind has."""
        if shift is None:
            return self.scheduler()
        kind = getattr(diffusers, self.named("scheduler"))
        euler = kind is diffusers.FlowMatchEulerDiscreteScheduler
        return self.scheduler(**{"shift" if euler else "flow_shift": shift})

    # -- training ------------------------------------------------------------------------------------------

    @property
    def objective(self) -> Objective:
        """See `VideoModel`."""
        from filmforge.video_models.wan_training import WanObjective

        return WanObjective(self)

    # -- pixels and latents --------------------------------------------------------------------------------

    @torch.no_grad()
    def decode(
        self, latents: Mapping[str, Tensor], *, settings: Mapping[str, Setting] | None = None
    ) -> Frame:
        """See `VideoModel`."""
        self.clear()
        data = latents["latents"].to(self.device, torch.float32)
        scale = self.vae.config.scale_factor_spatial
        self.tile((data.shape[4] * scale, data.shape[3] * scale))
        mean, std = self.latent_statistics
        with runtime.determined(self.threads):
            # As the pipeline does it: divided by the reciprocal, then shifted.
            video = self.vae.decode(data / (1.0 / std) + mean, return_dict=False)[0]
        return pixels(video)

    @torch.no_grad()
    def encode_frames(self, frames: Frame) -> Tensor:
        """See `VideoModel`. As the pipeline encodes a given first frame."""
        count, height, width, _ = frames.shape
        self.check_shape(count, (width, height))
        self.tile((width, height))
        video = levels(frames, self.device)
        mean, std = self.latent_statistics
        with runtime.determined(self.threads):
            latents: Tensor = (self.vae.encode(video).latent_dist.mode() - mean) * (1.0 / std)
        return latents[0].float().cpu().contiguous()
