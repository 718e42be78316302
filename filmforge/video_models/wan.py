"""Renders with Wan 2.2 TI2V and what shares its layout (pocket), through diffusers' own pipelines.

One transformer, per-token timesteps (`expand_timesteps`), text to video and image to video from the same
weights. Source of the layout: diffusers 0.42.1, pipelines/wan, and Wan-AI/Wan2.2-TI2V-5B-Diffusers.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import diffusers
import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor

from filmforge.errors import FilmforgeError, WeightsError
from filmforge.video_models import runtime
from filmforge.video_models.facts import Facts
from filmforge.video_models.lora_file import LoraUse
from filmforge.video_models.wan_lora import WanLoras
from filmforge.video_models.weights import Weights

if TYPE_CHECKING:
    from PIL.Image import Image

Frame = NDArray[np.uint8]
"""A picture: height x width x 3, RGB, 0 to 255."""

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
_TILED_BEYOND = 832 * 480
"""Pictures of more pixels are decoded in tiles. By size alone: tiling changes pixels, a machine may not."""


class WanModel:
    """One model of the Wan 2.2 TI2V layout. Parts are read when first needed and kept.

    Results are bit-equal on repetition in one environment: noise comes from a generator on the CPU, one
    prompt and one clip are computed at a time, deterministic algorithms are used, and the number of threads
    is fixed. On an accelerator, the text encoder is there only while it encodes.
    """

    def __init__(
        self,
        facts: Facts,
        weights: Weights,
        folder: Path,
        *,
        precision: str,
        device: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.facts = facts
        self.weights = weights
        self.precision = precision
        self.device = torch.device(device) if device else runtime.best_device()
        self.threads = threads or runtime.physical_cores()
        self._folder = folder
        self._loras: WanLoras | None = None
        _check_layout(facts, folder)

    # -- parts ---------------------------------------------------------------------------------------------

    @cached_property
    def transformer(self) -> Any:
        """The denoising transformer, in the declared precision, in eval mode, on the device."""
        part = self._read(diffusers.WanTransformer3DModel, "transformer", torch_dtype=self.dtype)
        return part.requires_grad_(False).eval().to(self.device)

    @cached_property
    def vae(self) -> Any:
        """The autoencoder, always in fp32 as its authors recommend, on the device."""
        part = self._read(diffusers.AutoencoderKLWan, "vae", torch_dtype=torch.float32)
        return part.requires_grad_(False).eval().to(self.device)

    @cached_property
    def _tokenizer(self) -> Any:
        return transformers.AutoTokenizer.from_pretrained(self._folder / "tokenizer", local_files_only=True)

    @cached_property
    def _text_encoder(self) -> Any:
        name = _index(self._folder)["text_encoder"][1]
        return self._read(getattr(transformers, name), "text_encoder", dtype=self.dtype).eval()

    @property
    def dtype(self) -> torch.dtype:
        """The number format of transformer and text encoder."""
        return _DTYPES[self.precision]

    def drop_text_encoder(self) -> None:
        """Forget the text encoder, the largest part of the big models; it is read again when needed."""
        self.__dict__.pop("_text_encoder", None)
        gc.collect()

    # -- prompts -------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> list[dict[str, Tensor]]:
        """Embed prompts: for each, `embeds` of shape [text_length, width] on the CPU, zeros past its end.

        One prompt at a time, so that its embedding does not depend on its neighbours' bits.
        """
        pipeline = self._bare_pipeline(tokenizer=self._tokenizer, text_encoder=self._text_encoder)
        known: dict[str, dict[str, Tensor]] = {}
        self._text_encoder.to(self.device)
        try:
            with runtime.determined(self.threads):
                for prompt in prompts:
                    if prompt not in known:
                        embeds, _ = pipeline.encode_prompt(
                            prompt,
                            do_classifier_free_guidance=False,
                            max_sequence_length=self.facts.text_length,
                            device=self.device,
                        )
                        known[prompt] = {"embeds": embeds[0].cpu().clone()}
        finally:
            self._text_encoder.to("cpu")
        return [dict(known[prompt]) for prompt in prompts]

    def words_cut(self, prompt: str) -> str:
        """The end of `prompt` that lies past the family's text length and has no effect; empty if none."""
        from diffusers.pipelines.wan import pipeline_wan

        cleaned = pipeline_wan.prompt_clean(prompt)  # type: ignore[no-untyped-call]
        ids = self._tokenizer(cleaned, verbose=False).input_ids
        if len(ids) <= self.facts.text_length:
            return ""
        # The last place is the end mark's.
        lost: str = self._tokenizer.decode(ids[self.facts.text_length - 1 :], skip_special_tokens=True)
        return lost.strip()

    # -- LoRAs ---------------------------------------------------------------------------------------------

    def set_loras(self, uses: Sequence[LoraUse]) -> None:
        """Have exactly these LoRAs act, with their weights, from now on; [] for the base alone.

        Those that act already are not read again. LoraError when a file does not belong to this model.
        """
        if self._loras is None:
            if not uses:
                return
            self._loras = WanLoras(self.facts, self.weights, self.transformer, self.dtype)
        self._loras.use(uses)

    # -- sampling ------------------------------------------------------------------------------------------

    def sample(
        self,
        *,
        positive: Mapping[str, Tensor],
        negative: Mapping[str, Tensor] | None,
        frames: int,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        shift: float | None,
        seed: int,
        start: Frame | None = None,
        on_step: Callable[[int, int], None] | None = None,
    ) -> dict[str, Tensor]:
        """Sample one clip; `latents` of shape [1, channels, latent frames, height, width], fp32 on the CPU.

        `positive` and `negative` come from `encode`; `negative` may be None when `guidance` is at most 1,
        where it has no part. `size` is (width, height). `start` is the picture to begin with; one of another
        size is scaled to cover `size` and cropped about its centre. `on_step` is called with the steps done
        and the steps in all. ValueError for a length or size that is not legal: diffusers would round it.
        """
        self._check_shape(frames, size)
        if guidance > 1 and negative is None:
            raise ValueError(f"guidance {guidance} needs a negative prompt, if only the empty one")
        width, height = size
        arguments: dict[str, Any] = {
            "prompt_embeds": positive["embeds"].unsqueeze(0).to(self.device),
            "negative_prompt_embeds": None,
            "height": height,
            "width": width,
            "num_frames": frames,
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "generator": torch.Generator("cpu").manual_seed(seed),
            "output_type": "latent",
            "callback_on_step_end": _reporter(on_step, steps),
        }
        if guidance > 1 and negative is not None:
            arguments["negative_prompt_embeds"] = negative["embeds"].unsqueeze(0).to(self.device)
        if start is not None:
            arguments["image"] = cover(start, size)
        pipeline = self._pipeline(shift, from_image=start is not None)
        self._tile(size)
        with (
            runtime.determined(self.threads),
            runtime.warnings_are_errors(FilmforgeError, f"{self.facts.id}: sampling"),
        ):
            latents = pipeline(**arguments).frames
        return {"latents": latents.float().cpu().contiguous()}

    def _pipeline(self, shift: float | None, *, from_image: bool) -> Any:
        pipeline = self._bare_pipeline(
            from_image=from_image,
            vae=self.vae,
            scheduler=self._scheduler(shift),
            transformer=self.transformer,
            expand_timesteps=True,
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _bare_pipeline(self, *, from_image: bool = False, **parts: Any) -> Any:
        """diffusers' own pipeline around the parts given; the others are None."""
        kind: Any = diffusers.WanImageToVideoPipeline if from_image else diffusers.WanPipeline
        required = dict.fromkeys(("tokenizer", "text_encoder", "vae", "scheduler"))
        return kind(**required | parts)

    def _scheduler(self, shift: float | None) -> Any:
        """A fresh scheduler of the weights' own kind, with the declared shift instead of the stored one."""
        stored = json.loads((self._folder / "scheduler" / "scheduler_config.json").read_text("utf-8"))
        kind = getattr(diffusers, stored["_class_name"])
        if shift is None:
            return kind.from_config(stored)
        named = "shift" if kind is diffusers.FlowMatchEulerDiscreteScheduler else "flow_shift"
        return kind.from_config(stored, **{named: shift})

    # -- pixels and latents --------------------------------------------------------------------------------

    @torch.no_grad()
    def decode(self, latents: Mapping[str, Tensor]) -> Frame:
        """The frames of sampled latents: [frames, height, width, 3] RGB, values rounded to the nearest."""
        data = latents["latents"].to(self.device, torch.float32)
        scale = self.facts_of_vae["spatial"]
        self._tile((data.shape[4] * scale, data.shape[3] * scale))
        mean, std = self.latent_statistics
        with runtime.determined(self.threads):
            # As the pipeline does it: divided by the reciprocal, then shifted.
            video = self.vae.decode(data / (1.0 / std) + mean, return_dict=False)[0]
        pixels = (video[0] / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
        frames: Frame = pixels.permute(1, 2, 3, 0).contiguous().cpu().numpy()
        return frames

    @torch.no_grad()
    def encode_frames(self, frames: Frame) -> Tensor:
        """The normalised latents of frames [count, height, width, 3]: [channels, latent frames, h, w], fp32.

        The most likely latents, not a sample of them, as the pipeline takes for a given first frame.
        """
        count, height, width, _ = frames.shape
        self._check_shape(count, (width, height))
        self._tile((width, height))
        pixels = torch.tensor(frames).to(self.device, torch.float32)
        video = (pixels / 127.5 - 1.0).permute(3, 0, 1, 2).unsqueeze(0)
        mean, std = self.latent_statistics
        with runtime.determined(self.threads):
            latents: Tensor = (self.vae.encode(video).latent_dist.mode() - mean) * (1.0 / std)
        return latents[0].float().cpu().contiguous()

    @cached_property
    def latent_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the latents by channel, each [1, channels, 1, 1, 1]."""
        config = self.vae.config
        mean, std = (
            torch.tensor(values, dtype=torch.float32, device=self.device).view(1, -1, 1, 1, 1)
            for values in (config.latents_mean, config.latents_std)
        )
        return mean, std

    @cached_property
    def facts_of_vae(self) -> dict[str, int]:
        """How many pixels (`spatial`) and frames (`temporal`) one latent stands for."""
        config = self.vae.config
        return {"spatial": config.scale_factor_spatial, "temporal": config.scale_factor_temporal}

    def _tile(self, size: tuple[int, int]) -> None:
        if size[0] * size[1] > _TILED_BEYOND:
            self.vae.enable_tiling()
        else:
            self.vae.disable_tiling()

    def _check_shape(self, frames: int, size: tuple[int, int]) -> None:
        if not self.facts.is_legal_length(frames):
            raise ValueError(f"{self.facts.id} cannot make a clip of {frames} frames")
        if not self.facts.legal_size(size):
            near = "x".join(map(str, self.facts.nearest_size(size)))
            raise ValueError(f"{self.facts.id} cannot make pictures of {size[0]}x{size[1]}; {near} is near")

    def _read(self, kind: Any, part: str, **how: Any) -> Any:
        try:
            return kind.from_pretrained(
                self._folder / part, use_safetensors=True, local_files_only=True, **how
            )
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise WeightsError(f"{self.facts.id}: {self._folder / part} cannot be loaded: {first}") from error


def cover(picture: Frame, size: tuple[int, int]) -> Image:
    """`picture` scaled to cover `size` (width, height), its aspect kept, and cropped about its centre."""
    from PIL import Image, ImageOps

    image = Image.fromarray(picture)
    if image.size == size:
        return image
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def _reporter(on_step: Callable[[int, int], None] | None, steps: int) -> Any:
    if on_step is None:
        return None

    def report(pipeline: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        on_step(index + 1, steps)
        return {}

    return report


def _index(folder: Path) -> dict[str, Any]:
    index: dict[str, Any] = json.loads((folder / "model_index.json").read_text("utf-8"))
    return index


def _check_layout(facts: Facts, folder: Path) -> None:
    """WeightsError unless the folder holds a model of this layout whose sizes the family's facts hold for."""
    index = _index(folder)
    wrong = None
    if index.get("transformer", ["", ""])[1] != "WanTransformer3DModel":
        wrong = f"its transformer is a {index.get('transformer', ['', 'nothing'])[1]}"
    elif not index.get("expand_timesteps"):
        wrong = "it is a Wan without per-token timesteps (expand_timesteps)"
    elif index.get("text_encoder", ["", ""])[1] not in ("UMT5EncoderModel", "T5EncoderModel"):
        wrong = f"its text encoder is a {index.get('text_encoder', ['', 'nothing'])[1]}"
    else:
        try:
            vae = json.loads((folder / "vae" / "config.json").read_text("utf-8"))
            transformer = json.loads((folder / "transformer" / "config.json").read_text("utf-8"))
            multiple = vae["scale_factor_spatial"] * transformer["patch_size"][1]
            if facts.size_multiple % multiple or vae["scale_factor_temporal"] != facts.frame_step:
                wrong = f"its sizes are multiples of {multiple}, those of {facts.id} of {facts.size_multiple}"
        except (OSError, ValueError, KeyError) as error:
            wrong = f"its configuration cannot be read ({error})"
    if wrong:
        raise WeightsError(f"{facts.id}: {folder} holds another kind of model: {wrong}")
