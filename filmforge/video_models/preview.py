"""What a running shot looks like so far: one small picture guessed from its latents, without the autoencoder.

Each latent is taken for a patch of pixels that depends on it linearly. The map is fitted to the model's own
autoencoder, once: a test card is encoded, and the card's pixels are told from its latents by least squares. Where the
clip will end is told from the last two steps: rectified flow moves on nearly straight lines
(https://arxiv.org/abs/2209.03003), so the line through them is followed to the end of the noise levels.

Nothing here touches what is sampled: latents are read, and no noise is drawn.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from filmforge.video_models.model import VideoModel

EVERY = 2.0
"""Seconds from one preview to the next, and before the first."""
SHARE = 0.01
"""The largest share of the sampling time that previews may take; they come less often where they would take more."""
_LARGEST = 640
"""Pixels of the longer side of a preview."""
_RIDGE = 1e-3
"""How far the fit is held back, as a share of the latents' own variance."""

Picture = NDArray[np.uint8]
Show = Callable[[Picture, int, int], None]
"""Called with a picture [height, width, 3], the steps done and those in all."""


def test_card(size: tuple[int, int], frames: int) -> Picture:
    """A card with what pictures have: soft and hard edges at all scales in all colours. [frames, height, width, 3]."""
    width, height = size
    draw = np.random.default_rng(7)
    across = np.fft.fftfreq(width)[None, :, None]
    down = np.fft.fftfreq(height)[:, None, None]
    # Natural pictures have amplitudes that fall with the frequency (Field 1987, J. Opt. Soc. Am. A 4, 2379).
    fall = 1 / np.maximum(np.hypot(across, down), 1 / max(size))
    spectrum = np.fft.fft2(draw.standard_normal((height, width, 3)), axes=(0, 1)) * fall
    card = np.fft.ifft2(spectrum, axes=(0, 1)).real
    card = 0.5 + 0.25 * card / card.std()
    ys, xs = np.mgrid[0:height, 0:width]
    for _ in range(48):
        x, y, radius = draw.uniform(0, width), draw.uniform(0, height), draw.uniform(0.02, 0.12) * width
        card[np.hypot(xs - x, ys - y) < radius] = draw.uniform(0, 1, 3)
    levels = (card.clip(0, 1) * 255).round().astype(np.uint8)
    return np.repeat(levels[None], frames, axis=0)


def fitted(model: VideoModel) -> Tensor:
    """The map from a latent to its patch: [channels + 1, 3 * side * side], fp32; the last row is what is always added.

    `side` is the largest power of two for which there are no more numbers in a patch than in a latent.
    """
    facts = model.facts
    # Sixteen latents to a side, or more: twice as many in all as a latent has numbers, for each family here.
    unit = facts.size_multiple * (8 if facts.size_multiple <= 16 else 16)
    card = test_card((unit, unit), facts.first + facts.frame_step)
    latents = model.encode_frames(card)
    channels, times, height, width = latents.shape
    side = 1
    while 3 * (2 * side) ** 2 <= channels and unit % (2 * side * width) == 0:
        side *= 2
    values = latents.permute(1, 2, 3, 0).reshape(-1, channels).double()
    given = torch.cat([values, torch.ones(len(values), 1, dtype=torch.float64)], dim=1)
    shown = torch.from_numpy(card[0]).double() / 255
    small = shown.reshape(height * side, unit // (height * side), width * side, unit // (width * side), 3)
    small = small.mean(dim=(1, 3)).reshape(height, side, width, side, 3)
    patches = small.permute(0, 2, 1, 3, 4).reshape(height * width, -1).repeat(times, 1)
    held = _RIDGE * float(values.var()) * len(values) * torch.eye(channels + 1, dtype=torch.float64)
    held[-1, -1] = 0
    found: Tensor = torch.linalg.solve(given.T @ given + held, given.T @ patches)
    return found.float()


def guessed(latents: Tensor, weights: Tensor) -> Picture:
    """The picture of one latent frame [channels, height, width] by what `fitted` gave."""
    channels, height, width = latents.shape
    side = math.isqrt(weights.shape[1] // 3)
    patches = latents.permute(1, 2, 0).reshape(-1, channels).float().cpu() @ weights[:-1] + weights[-1]
    picture = patches.reshape(height, width, side, side, 3).permute(0, 2, 1, 3, 4)
    levels = picture.reshape(height * side, width * side, 3).clamp(0, 1).mul(255).round().to(torch.uint8)
    found: Picture = levels.numpy()
    return found


def enlarged(picture: Picture, size: tuple[int, int]) -> Picture:
    """`picture` at the shot's own aspect, `size` (width, height), its longer side at most 640 pixels."""
    from PIL import Image

    share = min(1.0, _LARGEST / max(size))
    wanted = (max(1, round(size[0] * share)), max(1, round(size[1] * share)))
    return np.asarray(Image.fromarray(picture).resize(wanted, Image.Resampling.BICUBIC))


class Watch:
    """Looks at a clip that is being sampled: reports each step to `on_step`, and now and then a picture to `show`.

    It goes into `sample` in the place of `on_step`. Whatever fails here ends the previews, and nothing else.
    """

    def __init__(
        self,
        on_step: Callable[[int, int], None],
        show: Show,
        weights: Tensor,
        size: tuple[int, int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.on_step, self.show, self.weights, self.size, self.clock = on_step, show, weights, size, clock
        self._due: float | None = clock() + EVERY
        self._before: tuple[Tensor, int] | None = None

    def __call__(self, done: int, total: int) -> None:
        self.on_step(done, total)

    def see(
        self,
        latents: Tensor,
        unpack: Callable[[Tensor], Tensor] | None,
        scheduler: Any,
        done: int,
        total: int,
    ) -> None:
        """Look at `latents`, which `unpack` makes [1, channels, latent frames, height, width], after `done` steps."""
        if self._due is None or done >= total:  # the whole clip is decoded next
            return
        began = self.clock()
        try:
            clip = unpack(latents) if unpack else latents
            frame = clip[0, :, clip.shape[2] // 2].float().clone()
            before, self._before = self._before, (frame, done)
            if began < self._due or before is None or before[1] != done - 1:
                return
            ahead = _followed(before[0], frame, scheduler.sigmas, done)
            self.show(enlarged(guessed(ahead, self.weights), self.size), done, total)
        except Exception:
            logging.getLogger("filmforge").warning("no further previews of this clip", exc_info=True)
            self._due = self._before = None
            return
        now = self.clock()
        self._due = now + max(EVERY, (now - began) / SHARE)


def _followed(before: Tensor, now: Tensor, levels: Any, done: int) -> Tensor:
    """Where the line from `before` to `now`, the latents after `done` steps, meets the last of the noise `levels`."""
    if len(levels) <= done:  # a scheduler that names them otherwise: as it is
        return now
    earlier, later, end = (float(levels[index]) for index in (done - 1, done, -1))
    return now + (now - before) * ((end - later) / (later - earlier)) if later != earlier else now
