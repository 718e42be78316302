"""What every family's sampling has in common: its noise, pictures in and out, and what is told of each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from filmforge.video_models.preview import Watch

if TYPE_CHECKING:
    from PIL.Image import Image

    from filmforge.video_models.regions import Strips

Frame = NDArray[np.uint8]
"""A picture: height x width x 3, RGB, 0 to 255. Also several: count x height x width x 3."""
OnStep = Callable[[int, int], None]
"""Called with the sampling steps done and those in all."""


def cover(picture: Frame, size: tuple[int, int]) -> Image:
    """`picture` scaled to cover `size` (width, height), its aspect kept, and cropped about its centre."""
    from PIL import Image, ImageOps

    image = Image.fromarray(picture)
    if image.size == size:
        return image
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def levels(frames: Frame, device: torch.device) -> Tensor:
    """Frames [count, height, width, 3] as what an autoencoder encodes: [1, 3, count, height, width] of -1 to 1."""
    values = torch.tensor(frames).to(device, torch.float32)
    return (values / 127.5 - 1.0).permute(3, 0, 1, 2).unsqueeze(0)


def pixels(video: Tensor) -> Frame:
    """Decoded video [1, 3, frames, height, width] of -1 to 1 as frames [frames, height, width, 3]."""
    levels = (video[0].float() / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
    frames: Frame = levels.permute(1, 2, 3, 0).contiguous().cpu().numpy()
    return frames


def reporter(
    on_step: OnStep | None,
    steps: int,
    unpack: Callable[[Tensor], Tensor] | None = None,
    *,
    before: int = 0,
    passed_over: int = 0,
    strips: Strips | None = None,
) -> Any:
    """`on_step` as diffusers calls back at the end of a step.

    Where it is a `Watch`, it also sees the latents; `unpack` makes [1, channels, latent frames, height, width] of them.
    `before` counts the steps of a pass before this one, among `steps`; `passed_over`, the noise levels of the scheduler
    that this pass begins after. `strips` are told how many steps are done.
    """
    if on_step is None and strips is None:
        return None

    def report(pipeline: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if strips is not None:
            strips.done = index + 1
        if on_step is None:
            return {}
        on_step(before + index + 1, steps)
        if isinstance(on_step, Watch):
            done, last = passed_over + index + 1, passed_over + steps - before
            on_step.see(tensors["latents"], unpack, pipeline.scheduler, done, last)
        return {}

    return report


def kept_noise(seed: int) -> torch.Generator:
    """The generator of a clip's noise, on the CPU, so that a seed means the same on every device."""
    return torch.Generator("cpu").manual_seed(seed)
