"""The second pass of LTX-Video: the latents of the first, enlarged to twice the size by a small model, and a few steps more.

Source: diffusers 0.42.1, pipelines/ltx/pipeline_ltx_latent_upsample.py, and docs/source/en/api/pipelines/ltx_video.md, whose
numbers the facts have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from filmforge.errors import FilmforgeError, WeightsError
from filmforge.video_models import runtime

if TYPE_CHECKING:
    from filmforge.video_models.ltx import LTXModel

PART = "latent_upsampler"
_TWICE = 2


@dataclass(frozen=True, slots=True)
class SecondPass:
    """Its noise levels x 1000, of which the last `steps` are taken, by a share of `strength` less than 1.

    diffusers puts noise onto the latents that it is given only at less than 1; at 1 it forgets them.
    """

    levels: tuple[float, ...]
    strength: float

    @property
    def steps(self) -> int:
        """How many steps are taken, as diffusers counts them."""
        return int(len(self.levels) * self.strength)


def second_pass(upscale: Mapping[str, Any]) -> SecondPass:
    """The pass that `upscale` declares: levels of its own, for distilled weights, or steps and strength."""
    from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule

    if "timesteps" in upscale:
        levels = tuple(float(level) for level in upscale["timesteps"])
        return SecondPass(levels, 0.999)  # all but the first
    schedule = linear_quadratic_schedule(int(upscale["steps"])) * 1000  # type: ignore[no-untyped-call]
    return SecondPass(tuple(schedule.tolist()), float(upscale["strength"]))


def half(size: tuple[int, int]) -> tuple[int, int]:
    """The size of the first pass; the plan sees to it that both sides are legal."""
    return size[0] // _TWICE, size[1] // _TWICE


def enlarged(model: LTXModel, latents: Tensor, upscale: Mapping[str, Any], size: tuple[int, int]) -> Tensor:
    """`latents` of a clip of half the `size`, as those of one of `size`. Both normalised, fp32."""
    import diffusers

    part = _read(model, Path(upscale["folder"])).to(model.device)
    kind: Any = diffusers.LTXLatentUpsamplePipeline
    pipeline = kind(vae=model.vae, latent_upsampler=part)
    with (
        runtime.determined(model.threads),
        runtime.warnings_are_errors(FilmforgeError, f"{model.facts.id}: upscaling"),
    ):
        found: Tensor = pipeline(
            latents=latents.to(model.device).float(),
            width=size[0],
            height=size[1],
            adain_factor=float(upscale.get("adain", 0.0)),
            tone_map_compression_ratio=float(upscale.get("tone_map", 0.0)),
            output_type="latent",
        ).frames
    part.to("cpu")
    wanted = (latents.shape[1], latents.shape[2], _TWICE * latents.shape[3], _TWICE * latents.shape[4])
    if tuple(found.shape[1:]) != wanted:
        raise WeightsError(f"{model.facts.id}: {upscale['folder']} enlarges otherwise than to twice the size")
    return found.float()


def _read(model: LTXModel, folder: Path) -> Any:
    from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel

    kind: Any = LTXLatentUpsamplerModel
    try:
        found = kind.from_pretrained(
            folder / PART, local_files_only=True, use_safetensors=True, torch_dtype=model.dtype
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise WeightsError(f"{model.facts.id}: {folder} cannot be loaded as an upscaler: {first}") from error
    if found.config.in_channels != model.config("transformer")["in_channels"]:
        raise WeightsError(f"{model.facts.id}: {folder} is an upscaler of other latents")
    return found.requires_grad_(False).eval()
