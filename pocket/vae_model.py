"""The VAE: diffusers' Wan layout of version 2.2, small, and its fast paths for training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import diffusers.models.autoencoders.autoencoder_kl_wan as wan
import torch
from diffusers import AutoencoderKLWan
from torch.nn import functional

from pocket.workplace import compiler_at_hand

Z = 24  # channels; 16 kept too little of faces and of what moves, 48 were more than the transformer could carry


WIDTH = 64  # channels at the pixels; 32 is quicker taught, and blurs what moves


def new_vae(width: int = WIDTH) -> AutoencoderKLWan:
    """10.6 million parameters, 8x8x4 and 24 channels. Untrained, latents not yet standardised."""
    return AutoencoderKLWan(
        base_dim=width,
        decoder_base_dim=width,
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


def in_last(vae: AutoencoderKLWan) -> None:
    """Lay kernels out with their channels last, as a processor's matrix units want them; values stay."""
    for p in vae.parameters():
        if p.ndim == 5:
            p.data = p.data.contiguous(memory_format=torch.channels_last_3d)
        elif p.ndim == 4:
            p.data = p.data.contiguous(memory_format=torch.channels_last)


def _normed(x: torch.Tensor, gamma: torch.Tensor, scale: float) -> torch.Tensor:
    """SiLU of the RMS norm of rows (N, C), in one pass over them."""
    wide = x.float()
    size = wide.square().sum(1, keepdim=True).sqrt()
    return functional.silu(wide * (scale / (size + 1e-6)) * gamma).to(x.dtype)


def _rows(x: torch.Tensor, norm: wan.WanRMS_norm, normed: Callable[..., torch.Tensor]) -> torch.Tensor:
    b, c, t, h, w = x.shape
    rows = x.permute(0, 2, 3, 4, 1).reshape(-1, c)
    out = normed(rows, norm.gamma.flatten(), norm.scale)
    return out.view(b, t, h, w, c).permute(0, 4, 1, 2, 3)


@contextmanager
def whole_clips(compiled: bool = False) -> Iterator[None]:
    """The same arithmetic without the frame-by-frame cache, for training on short clips.

    ``compiled``: norms and activations in one pass over memory, where there is a C++ compiler.

    diffusers walks a clip in slices of four frames and carries what each causal convolution saw;
    whole tensors do the same in far fewer and larger calls. A single frame meets only the last
    slice of a causal kernel. Equal to diffusers' own to 3e-6; see ``tests/pocket/test_recipe.py``.
    """
    normed = torch.compile(_normed, dynamic=True) if compiled and compiler_at_hand() else _normed
    causal, norm, resample = (
        wan.WanCausalConv3d.forward,
        wan.WanRMS_norm.forward,
        wan.WanResample.forward,
    )

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
        size = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=torch.float32)
        return x * (self.scale / (size + 1e-6)).to(x.dtype) * self.gamma.to(x.dtype)

    def in_time(
        self: wan.WanResample,
        x: torch.Tensor,
        feat_cache: list[object] | None = None,
        feat_idx: list[int] | None = None,
    ) -> torch.Tensor:
        b, c, t, h, w = x.shape
        if self.mode == "upsample3d" and t > 1:  # the first frame stands alone, and is not doubled
            y = self.time_conv(x[:, :, 1:]).reshape(b, 2, c, t - 1, h, w)
            y = y.permute(0, 2, 3, 1, 4, 5).reshape(b, c, 2 * (t - 1), h, w)
            x = torch.cat([x[:, :, :1], y], 2)
        frames = x.permute(0, 2, 1, 3, 4).flatten(0, 1)
        if self.mode.startswith("upsample"):
            frames = self.resample[1](functional.interpolate(frames, scale_factor=2.0, mode="nearest"))
        else:
            frames = self.resample(frames)
        x = frames.unflatten(0, (b, -1)).permute(0, 2, 1, 3, 4)
        if self.mode == "downsample3d" and x.shape[2] > 1:
            x = torch.cat([x[:, :, :1], self.time_conv(x)], 2)
        return x

    block = wan.WanResidualBlock.forward

    def fused(
        self: wan.WanResidualBlock,
        x: torch.Tensor,
        feat_cache: list[object] | None = None,
        feat_idx: list[int] | None = None,
    ) -> torch.Tensor:
        y = self.conv2(_rows(self.conv1(_rows(x, self.norm1, normed)), self.norm2, normed))
        shortcut: torch.Tensor = self.conv_shortcut(x)
        return y + shortcut

    wan.WanResidualBlock.forward = fused
    wan.WanCausalConv3d.forward, wan.WanRMS_norm.forward, wan.WanResample.forward = conv, rms, in_time
    try:
        yield
    finally:
        wan.WanResidualBlock.forward = block
        wan.WanCausalConv3d.forward, wan.WanRMS_norm.forward, wan.WanResample.forward = (
            causal,
            norm,
            resample,
        )


@contextmanager
def quickened(vae: AutoencoderKLWan) -> Iterator[None]:
    """Whole clips; on a processor also kernels with their channels last, and norms and activations in one pass."""
    on_processor = vae.device.type == "cpu"
    if on_processor:
        in_last(vae)
    with whole_clips(compiled=on_processor):
        yield


def encode_whole(vae: AutoencoderKLWan, pixels: torch.Tensor) -> torch.Tensor:
    """Pixels (B, 3, T, H, W) to the mode of their latents (B, Z, 1 + (T - 1) / 4, H / 8, W / 8).

    Within ``whole_clips`` only.
    """
    moments = vae.quant_conv(vae.encoder(wan.patchify(pixels, vae.config.patch_size)))
    return moments[:, : moments.shape[1] // 2]


def decode_whole(vae: AutoencoderKLWan, latents: torch.Tensor) -> torch.Tensor:
    """Latents to pixels, not clamped. Within ``whole_clips`` only."""
    frames = vae.decoder(vae.post_quant_conv(latents), first_chunk=True)
    pixels: torch.Tensor = wan.unpatchify(frames, vae.config.patch_size)
    return pixels


def standardised(vae: AutoencoderKLWan, latents: torch.Tensor) -> torch.Tensor:
    """Latents as the transformer sees them: (x - mean) / std, per channel."""
    mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1).to(latents)
    std = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1).to(latents)
    return (latents - mean) / std


def to_pixels(frames: torch.Tensor) -> torch.Tensor:
    """uint8 (B, T, H, W, 3) to float (B, 3, T, H, W) in -1..1."""
    return frames.permute(0, 4, 1, 2, 3).float().div_(127.5).sub_(1.0)
