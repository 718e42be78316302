"""Renders with LTX-Video 0.9: packed latents, a rotary position in seconds, and a decoder that denoises once more.

Two kinds of weights. 0.9.0 and 0.9.1 shift their noise levels by the number of tokens (`LTXPipeline`,
`LTXImageToVideoPipeline`); from 0.9.5 on they are linear-quadratic, or given one by one for distilled weights
(`LTXConditionPipeline`, for text as well as for a first frame). The scheduler's configuration tells them apart.
Source: diffusers 0.42.1, pipelines/ltx and scripts/convert_ltx_to_diffusers.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from filmforge.errors import FilmforgeError
from filmforge.video_models import runtime
from filmforge.video_models.family import Setting
from filmforge.video_models.flow import Objective
from filmforge.video_models.model import Embedding, VideoModel
from filmforge.video_models.sampling import Frame, OnStep, cover, kept_noise, levels, pixels, reporter

if TYPE_CHECKING:
    from PIL.Image import Image

_COMPRESSION = (8, 32)
"""Frames and pixels to a side that one latent stands for."""
_TEXT = {"embeds": "prompt_embeds", "mask": "prompt_attention_mask"}
_NEGATIVE = {name: f"negative_{argument}" for name, argument in _TEXT.items()}


class LTXModel(VideoModel):
    """One LTX-Video."""

    pipeline = "LTXPipeline"

    def unfit(self) -> str:
        """See `VideoModel`."""
        for part, kind in (
            ("transformer", "LTXVideoTransformer3DModel"),
            ("vae", "AutoencoderKLLTXVideo"),
            ("text_encoder", "T5EncoderModel"),
        ):
            if self.named(part) != kind:
                return f"its {part} is a {self.named(part)}"
        vae = self.config("vae")
        doublings = sum(vae["spatio_temporal_scaling"])
        temporal = vae.get("temporal_compression_ratio") or vae["patch_size_t"] * 2**doublings
        spatial = vae.get("spatial_compression_ratio") or vae["patch_size"] * 2**doublings
        if (temporal, spatial) != _COMPRESSION:
            return f"its autoencoder compresses {temporal}x{spatial}, LTX-Video's 8x32"
        scheduler = self.config("scheduler")
        if not self.by_tokens and scheduler.get("shift", 1.0) != 1.0:
            return f"its scheduler shifts by {scheduler['shift']}, and LTX-Video's by nothing or by tokens"
        if self.by_tokens and "timesteps" in self.facts.settings:
            return "it shifts its noise levels by the number of tokens, and distilled weights do not"
        return ""

    @property
    def by_tokens(self) -> bool:
        """Whether the noise levels are shifted by the number of tokens: 0.9.0 and 0.9.1."""
        return bool(self.config("scheduler").get("use_dynamic_shifting"))

    @property
    def vae_dtype(self) -> torch.dtype:
        """The declared precision: bfloat16 is what the authors recommend for all parts."""
        return self.dtype

    # -- prompts -------------------------------------------------------------------------------------------

    def embed(self, prompt: str, start: Image | None) -> Embedding:
        """`embeds` of shape [text_length, width], and `mask`, true where there is text."""
        # By the pipeline that samples: one has the encoder look at the padding, and the other not.
        pipeline = self.around(
            self._sampler(False),
            tokenizer=self.text_part("tokenizer"),
            text_encoder=self.text_part("text_encoder"),
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
        end: Frame | None = None,
        settings: Mapping[str, Setting] | None = None,
        on_step: OnStep | None = None,
        upscale: Mapping[str, Any] | None = None,
    ) -> dict[str, Tensor]:
        """See `VideoModel`. `generator` is the state of the noise after sampling: the decoder draws on.

        With `upscale` the first pass has half the `size`, and a second one follows; see `ltx_upscale.py`.
        """
        self.check_shape(frames, size)
        if shift is not None:
            raise ValueError(f"{self.facts.id} has no shift to declare: {self.facts.schedule}")
        if steps < 2 and self.by_tokens:
            # The levels are stretched so that the last is a given one: a single level, all noise, is divided by zero.
            raise ValueError(f"{self.facts.id} needs at least 2 steps: {self.facts.schedule}")
        if guidance > 1 and negative is None:
            raise ValueError(f"guidance {guidance} needs a negative prompt, if only the empty one")
        given = settings or self.facts.settings
        noise = kept_noise(seed)
        arguments: dict[str, Any] = {
            **self.batch(positive, _TEXT),
            "num_frames": frames,
            # The rotary position counts seconds: at another rate the same prompt moves at another speed.
            "frame_rate": float(self.facts.fps),
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "guidance_rescale": given.get("guidance_rescale", 0.0),
            "generator": noise,
            "output_type": "latent",
        }
        if guidance > 1 and negative is not None:
            arguments |= self.batch(negative, _NEGATIVE)
        if end is not None and self.by_tokens:
            raise ValueError(f"{self.facts.id} cannot be given its last frame before 0.9.5")
        if not self.by_tokens:
            arguments["image_cond_noise_scale"] = given["image_cond_noise_scale"]
            arguments["timesteps"] = self._levels(given, steps)
        pictures = (start, end)
        if upscale is None:
            latents = self._pass(arguments, pictures, size, on_step, steps)
        else:
            from filmforge.video_models import ltx_upscale

            second = ltx_upscale.second_pass(upscale)
            taken = steps + second.steps
            latents = self._pass(arguments, pictures, ltx_upscale.half(size), on_step, taken)
            latents = ltx_upscale.enlarged(self, latents, upscale, size)
            arguments |= {
                "latents": latents,
                "timesteps": list(second.levels),
                "num_inference_steps": len(second.levels),
                "denoise_strength": second.strength,
            }
            passed_over = len(second.levels) - second.steps
            latents = self._pass(
                arguments, pictures, size, on_step, taken, before=steps, passed_over=passed_over
            )
        return {"latents": latents.float().cpu().contiguous(), "generator": noise.get_state()}

    def _pass(
        self,
        arguments: Mapping[str, Any],
        pictures: tuple[Frame | None, Frame | None],
        size: tuple[int, int],
        on_step: OnStep | None,
        steps: int,
        **where: Any,
    ) -> Tensor:
        """The latents of one pass at `size`; `pictures` are its first and last frame, if given; `where` is `reporter`'s."""
        time, side = _COMPRESSION
        frames = arguments["num_frames"]
        shape = ((frames - 1) // time + 1, size[1] // side, size[0] // side)
        given: dict[str, Any] = {}
        start, end = pictures
        if end is not None:
            given["conditions"] = self._conditions({0: start, frames - 1: end}, size)
        elif start is not None:
            given["image"] = cover(start, size)
        pipeline = self.around(
            self._sampler(start is not None),
            vae=self.vae,
            scheduler=self.scheduler(),
            transformer=self.transformer,
        )
        self.tile(size)
        report = reporter(on_step, steps, lambda packed: self._unpacked(packed, shape), **where)
        with runtime.determined(self.threads), self.sampling():
            latents: Tensor = pipeline(
                **arguments, **given, width=size[0], height=size[1], callback_on_step_end=report
            ).frames
        # Packed into tokens, as the transformer sees them, or not.
        return self._unpacked(latents, shape) if latents.ndim == 3 else latents

    def _conditions(self, given: Mapping[int, Frame | None], size: tuple[int, int]) -> list[Any]:
        """The pictures that are given, by frame, for the pipeline: of a list of images alone it would take the first."""
        from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition

        return [
            LTXVideoCondition(image=cover(picture, size), frame_index=frame)
            for frame, picture in given.items()
            if picture is not None
        ]

    def _unpacked(self, tokens: Tensor, shape: tuple[int, int, int]) -> Tensor:
        """Tokens as latents of `shape` (latent frames, height, width); tokens of what was given come before them."""
        latents: Tensor = self.around()._unpack_latents(tokens[:, -shape[0] * shape[1] * shape[2] :], *shape)
        return latents

    def _levels(self, settings: Mapping[str, Setting], steps: int) -> list[float]:
        """The noise levels x 1000 of weights from 0.9.5 on: the pipeline's own, or those of distilled weights.

        Always given as numbers: the tensor that the pipeline would make of them itself is not one NumPy likes.
        """
        from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule

        given = settings.get("timesteps")
        if isinstance(given, tuple | list):
            return [float(level) for level in given]
        levels: list[float] = (linear_quadratic_schedule(steps) * 1000).tolist()  # type: ignore[no-untyped-call]
        return levels

    def _sampler(self, from_image: bool) -> str:
        if not self.by_tokens:
            return "LTXConditionPipeline"
        return "LTXImageToVideoPipeline" if from_image else "LTXPipeline"

    def sampling(self) -> AbstractContextManager[None]:
        """See `VideoModel`."""
        return runtime.warnings_are_errors(
            FilmforgeError,
            f"{self.facts.id}: sampling",
            # The pipeline gives its levels so; they agree, since `unfit` refuses a scheduler that would shift them.
            known=("`timesteps` were passed without `sigmas`",),
        )

    # -- training ------------------------------------------------------------------------------------------

    @property
    def objective(self) -> Objective:
        """See `VideoModel`."""
        from filmforge.video_models.ltx_training import LTXObjective

        return LTXObjective(self)

    @property
    def vae_scale(self) -> tuple[int, int]:
        """Frames and pixels to a side that one latent stands for."""
        return _COMPRESSION

    @torch.no_grad()
    def encode_frames(self, frames: Frame) -> Tensor:
        """See `VideoModel`."""
        count, height, width, _ = frames.shape
        self.check_shape(count, (width, height))
        self.tile((width, height))
        video = levels(frames, self.device).to(self.vae_dtype)
        with runtime.determined(self.threads):
            found = self.vae.encode(video).latent_dist.mode().float()
        latents: Tensor = self.around()._normalize_latents(
            found, self.vae.latents_mean, self.vae.latents_std, self.vae.config.scaling_factor
        )
        return latents[0].cpu().contiguous()

    # -- pixels --------------------------------------------------------------------------------------------

    @torch.no_grad()
    def decode(
        self, latents: Mapping[str, Tensor], *, settings: Mapping[str, Setting] | None = None
    ) -> Frame:
        """See `VideoModel`. From 0.9.1 on the decoder takes the last step itself, from a little noise."""
        self.clear()
        given = settings or self.facts.settings
        data = latents["latents"].to(self.device, torch.float32)
        self.tile((data.shape[4] * _COMPRESSION[1], data.shape[3] * _COMPRESSION[1]))
        data = (
            self.around()
            ._denormalize_latents(
                data, self.vae.latents_mean, self.vae.latents_std, self.vae.config.scaling_factor
            )
            .to(self.vae_dtype)
        )
        level = None
        on = torch.Generator("cpu")
        on.set_state(latents["generator"])
        with runtime.determined(self.threads), self._seeded(on):
            if self.vae.config.timestep_conditioning:
                noise = torch.randn(data.shape, generator=on, dtype=data.dtype).to(data.device)
                share: Any = given["decode_noise_scale"]
                data = (1 - share) * data + share * noise
                level = torch.tensor([given["decode_timestep"]], device=data.device, dtype=data.dtype)
            video = self.vae.decode(data, level, return_dict=False)[0]
        return pixels(video)

    @contextmanager
    def _seeded(self, noise: torch.Generator) -> Iterator[None]:
        """Draw what the decoder of 0.9.1 injects from the clip's own noise: it would take the process's."""
        spare = noise.clone_state()
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=spare)))
            yield
