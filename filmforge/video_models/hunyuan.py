"""Renders with HunyuanVideo: guidance goes in as a number that the transformer was distilled for, text as a chat.

Text to video and image to video are different weights. From an image, the prompt is read together with the
picture, by a language model that sees (Llava), and the first latent is the picture's at every step
(`token_replace`). Source: diffusers 0.42.1, pipelines/hunyuan_video; Tencent-Hunyuan/HunyuanVideo and -I2V.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from filmforge.video_models import runtime
from filmforge.video_models.family import Setting
from filmforge.video_models.flow import Objective
from filmforge.video_models.model import Embedding, VideoModel
from filmforge.video_models.sampling import Frame, OnStep, cover, kept_noise, levels, pixels, reporter

if TYPE_CHECKING:
    from PIL.Image import Image

_TEXT = {"embeds": "prompt_embeds", "mask": "prompt_attention_mask", "pooled": "pooled_prompt_embeds"}
_INTERLEAVE = 4
"""Of the picture's tokens every fourth is kept, as the pipeline does for `token_replace`."""


class HunyuanModel(VideoModel):
    """One HunyuanVideo, of text to video or of image to video."""

    pipeline = "HunyuanVideoPipeline"
    tokenizers = ("tokenizer", "tokenizer_2")
    text_encoders = ("text_encoder", "text_encoder_2")

    @property
    def reads_start(self) -> bool:
        """See `VideoModel`."""
        return self.facts.image_to_video

    def unfit(self) -> str:
        """See `VideoModel`."""
        from_image = self.facts.image_to_video
        for part, kind in (
            ("transformer", "HunyuanVideoTransformer3DModel"),
            ("vae", "AutoencoderKLHunyuanVideo"),
            ("text_encoder", "LlavaForConditionalGeneration" if from_image else "LlamaModel"),
            ("text_encoder_2", "CLIPTextModel"),
        ):
            if self.named(part) != kind:
                hint = "; declare `version: i2v` for weights of image to video" if not from_image else ""
                return f"its {part} is a {self.named(part)}{hint}"
        transformer, vae = self.config("transformer"), self.config("vae")
        condition = transformer.get("image_condition_type")
        if condition != ("token_replace" if from_image else None):
            return f"its first frame is given by {condition}, which is not what this version does"
        if not transformer.get("guidance_embeds"):
            return "its transformer takes no guidance"
        multiple = vae["spatial_compression_ratio"] * transformer["patch_size"]
        if self.facts.size_multiple % multiple or vae["temporal_compression_ratio"] != self.facts.frame_step:
            return f"its sizes are multiples of {multiple}, those of {self.facts.id} of {self.facts.size_multiple}"
        return ""

    def uses_negative(self, guidance: float) -> bool:
        """Never: the guidance is distilled into the weights."""
        return False

    # -- prompts -------------------------------------------------------------------------------------------

    def embed(self, prompt: str, start: Image | None) -> Embedding:
        """`embeds` [tokens, width] with `mask` [tokens]; `pooled` [width], of the first 77 tokens by CLIP."""
        parts = {name: self.text_part(name) for name in (*self.tokenizers, *self.text_encoders)}
        seen: dict[str, Any] = {}
        if start is not None:
            parts["image_processor"] = self.text_part("image_processor")
            seen = {"image": start, "image_embed_interleave": _INTERLEAVE}
        embeds, pooled, mask = self.around(self._sampler(start is not None), **parts).encode_prompt(
            prompt=prompt, device=self.device, max_sequence_length=self.facts.text_length, **seen
        )
        return {"embeds": embeds[0], "pooled": pooled[0], "mask": mask[0]}

    def words_cut(self, prompt: str) -> str:
        """See `VideoModel`. What counts is the prompt inside the chat that the model was trained on."""
        from diffusers.pipelines.hunyuan_video import pipeline_hunyuan_video as of_text
        from diffusers.pipelines.hunyuan_video import pipeline_hunyuan_video_image2video as of_image

        chat = (of_image if self.reads_start else of_text).DEFAULT_PROMPT_TEMPLATE
        template: Any = chat["template"]
        begin: Any = chat["crop_start"]
        tokenizer = self.text_part("tokenizer")
        ids = tokenizer(template.split("{}")[0] + prompt, verbose=False).input_ids
        lost: str = tokenizer.decode(ids[self.facts.text_length + begin :], skip_special_tokens=True)
        return lost.strip()

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
        """See `VideoModel`. `negative` has no part: the guidance is distilled into the weights."""
        self.check_shape(frames, size)
        if (start is not None) is not self.facts.image_to_video:
            wanted = "a picture to start from" if self.facts.image_to_video else "no picture to start from"
            raise ValueError(f"{self.facts.id} renders with {wanted}")
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
        if start is not None:
            arguments["image"] = cover(start, size)
        pipeline = self.around(
            self._sampler(start is not None),
            vae=self.vae,
            scheduler=self.scheduler() if shift is None else self.scheduler(shift=shift),
            transformer=self.transformer,
        )
        self.tile(size)
        with runtime.determined(self.threads), self.sampling():
            latents = pipeline(**arguments).frames
        return {"latents": latents.float().cpu().contiguous()}

    def _sampler(self, from_image: bool) -> str:
        return "HunyuanVideoImageToVideoPipeline" if from_image else "HunyuanVideoPipeline"

    def around(self, pipeline: str | None = None, **parts: Any) -> Any:
        """See `VideoModel`."""
        if pipeline == self._sampler(True):
            parts = {"image_processor": None, **parts}
        return super().around(pipeline, **parts)

    # -- training ------------------------------------------------------------------------------------------

    @property
    def objective(self) -> Objective:
        """See `VideoModel`."""
        from filmforge.video_models.hunyuan_training import HunyuanObjective

        return HunyuanObjective(self)

    @torch.no_grad()
    def encode_frames(self, frames: Frame) -> Tensor:
        """See `VideoModel`."""
        count, height, width, _ = frames.shape
        self.check_shape(count, (width, height))
        self.tile((width, height))
        video = levels(frames, self.device).to(self.vae_dtype)
        with runtime.determined(self.threads):
            found = self.vae.encode(video).latent_dist.mode().float()
        latents: Tensor = found * self.vae.config.scaling_factor
        return latents[0].cpu().contiguous()

    # -- pixels --------------------------------------------------------------------------------------------

    @torch.no_grad()
    def decode(
        self, latents: Mapping[str, Tensor], *, settings: Mapping[str, Setting] | None = None
    ) -> Frame:
        """See `VideoModel`."""
        self.clear()
        data = latents["latents"].to(self.device, self.vae_dtype)
        scale = self.vae.config.spatial_compression_ratio
        self.tile((data.shape[4] * scale, data.shape[3] * scale))
        with runtime.determined(self.threads):
            video = self.vae.decode(data / self.vae.config.scaling_factor, return_dict=False)[0]
        return pixels(video)
