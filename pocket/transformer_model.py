"""The painter: diffusers' Wan transformer, small, with per-token timesteps as in Wan 2.2 5B."""

from __future__ import annotations

from diffusers import FlowMatchEulerDiscreteScheduler, WanTransformer3DModel

from pocket.text_model import WIDTH as TEXT_WIDTH
from pocket.vae_model import Z

SHIFT = 3.0


def new_transformer() -> WanTransformer3DModel:
    """About 6 million parameters; patch 1x2x2, so a 160x96 latent frame is 60 tokens."""
    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=6,
        attention_head_dim=40,
        in_channels=Z,
        out_channels=Z,
        text_dim=TEXT_WIDTH,
        freq_dim=128,
        ffn_dim=720,
        num_layers=7,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=64,
    )


def new_scheduler() -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=SHIFT)
