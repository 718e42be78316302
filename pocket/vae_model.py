"""The VAE: diffusers' Wan layout of version 2.2, small, and its fast paths for training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import diffusers.models.autoencoders.autoencoder_kl_wan as wan
import torch
from diffusers import AutoencoderKLWan
from torch.nn import functional

Z = 16


def new_vae() -> AutoencoderKLWan:
    """2.7 million parameters, 8x8x4 and 16 channels. Untrained, latents not yet standardised."""
    return AutoencoderKLWan(
        base_dim=32,
        decoder_base_dim=32,
        z_dim=Z,
        dim_mult=[1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[True, True],
        in_channels=12,
        out_channels=12,
        is_residual=True,
        patch_size=2,
        scale_factor_spatial=8,
        scale_factor_temporal=4,
        latents_mean=[0.0] * Z,
        latents_std=[1.0] * Z,
    )


@contextmanager
def fast_paths() -> Iterator[None]:
    """The same arithmetic, cheaper: a first frame meets only the last slice of a causal kernel.

    Measured on two cores, 16 stills of 64x96: 0.91 s a step without, 0.35 s with.
    """
    causal, norm = wan.WanCausalConv3d.forward, wan.WanRMS_norm.forward

    def conv(
        self: wan.WanCausalConv3d,
        x: torch.Tensor,
        cache_x: torch.Tensor | None = None,
    ) -> torch.Tensor:
        if x.shape[2] == 1 and cache_x is None and self.kernel_size[0] == 3 and self.stride[0] == 1:
            pad = (self._padding[2], self._padding[0])
            y = functional.conv2d(x[:, :, 0], self.weight[:, :, -1], self.bias, self.stride[1:], pad)
            return y[:, :, None]
        return causal(self, x, cache_x)

    def rms(self: wan.WanRMS_norm, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-12) * self.gamma + self.bias

    wan.WanCausalConv3d.forward, wan.WanRMS_norm.forward = conv, rms
    try:
        yield
    finally:
        wan.WanCausalConv3d.forward, wan.WanRMS_norm.forward = causal, norm


def standardised(vae: AutoencoderKLWan, latents: torch.Tensor) -> torch.Tensor:
    """Latents as the transformer sees them: (x - mean) / std, per channel."""
    mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1).to(latents)
    std = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1).to(latents)
    return (latents - mean) / std


def to_pixels(frames: torch.Tensor) -> torch.Tensor:
    """uint8 (B, T, H, W, 3) to float (B, 3, T, H, W) in -1..1."""
    return frames.permute(0, 4, 1, 2, 3).float().div_(127.5).sub_(1.0)
