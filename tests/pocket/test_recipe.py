"""The recipe's fast paths are diffusers' own arithmetic, only cheaper."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel

from pocket.transformer_model import WrittenOutAttention
from pocket.vae_model import WIDTH, decode_whole, encode_whole, in_last, whole_clips
from pocket.widen import widened


def small_vae(width: int = WIDTH) -> AutoencoderKLWan:
    """An eighth as wide as the shipped one."""
    torch.manual_seed(0)
    return AutoencoderKLWan(
        base_dim=width // 8,
        decoder_base_dim=width // 8,
        z_dim=4,
        dim_mult=[1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[True, True],
        in_channels=12,
        out_channels=12,
        is_residual=True,
        patch_size=2,
    )


@torch.no_grad()
# torch's own compiler warns
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("compiled", [False, True])
def test_whole_clips_give_what_diffusers_gives_slice_by_slice(compiled: bool) -> None:
    """Compiled, with the channels of kernels and pixels last, as the recipe trains on a processor."""
    vae = small_vae()
    for frames in (1, 5, 13):
        pixels = torch.rand(1, 3, frames, 16, 32) * 2 - 1
        latents = vae.encode(pixels).latent_dist.mode()
        rebuilt = vae.decode(latents).sample
        if compiled:
            in_last(vae)
            pixels = pixels.contiguous(memory_format=torch.channels_last_3d)
        with whole_clips(compiled):
            ours = encode_whole(vae, pixels)
            ours_rebuilt = decode_whole(vae, latents).clamp(-1, 1)
        torch.testing.assert_close(ours, latents, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(ours_rebuilt, rebuilt, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_whole_clips_leave_diffusers_as_it_was() -> None:
    vae = small_vae()
    pixels = torch.rand(1, 3, 9, 16, 16)
    before = vae.encode(pixels).latent_dist.mode()
    with whole_clips():
        pass
    assert torch.equal(vae.encode(pixels).latent_dist.mode(), before)


@torch.no_grad()
def test_a_wider_vae_makes_the_same() -> None:
    """And no two of its channels are read alike, or they could never grow apart."""
    narrow, wide = small_vae(WIDTH), small_vae(2 * WIDTH)
    widened(narrow, wide)
    pixels = torch.rand(1, 3, 9, 16, 32) * 2 - 1
    latents = narrow.encode(pixels).latent_dist.mode()
    torch.testing.assert_close(wide.encode(pixels).latent_dist.mode(), latents, atol=1e-5, rtol=1e-4)
    rebuilt = narrow.decode(latents).sample
    torch.testing.assert_close(wide.decode(latents).sample, rebuilt, atol=1e-5, rtol=1e-4)
    read = wide.decoder.conv_out.weight
    assert not torch.isclose(*read.chunk(2, 1)).any(1).all()


@torch.no_grad()
def test_written_out_attention_is_the_fused_kernel_s() -> None:
    torch.manual_seed(0)
    painter = WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=4,
        out_channels=4,
        text_dim=16,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    )
    given = torch.randn(2, 4, 3, 4, 6), torch.tensor([100.0, 700.0]), torch.randn(2, 7, 16)
    fused = painter(*given, return_dict=False)[0]
    painter.set_attn_processor(WrittenOutAttention())
    torch.testing.assert_close(painter(*given, return_dict=False)[0], fused, atol=1e-5, rtol=1e-4)
