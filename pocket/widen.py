"""A VAE twice as wide that makes the same of everything: what a small one has learnt is not learnt again.

Every channel is there twice, and what reads it takes uneven shares of the two, so that they can grow apart: Net2Net,
https://arxiv.org/abs/1511.05641. Norms are over twice as many equal channels, and so stay what they were; only queries are
made smaller, since twice as long a product is divided by the root of two alone.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLWan

SHARES = (0.3, 0.7)  # of a weight that go to the first of two readers; the other has the rest


def widened(narrow: AutoencoderKLWan, wide: AutoencoderKLWan) -> AutoencoderKLWan:
    """`wide`, which is twice as wide as `narrow`, with weights by which it makes what `narrow` makes."""
    dice = torch.Generator().manual_seed(0)
    targets = wide.state_dict()
    wide.load_state_dict(
        {
            name: _grown(name, value.cpu(), targets[name].shape, dice)
            for name, value in narrow.state_dict().items()
        }
    )
    return wide


def _grown(name: str, value: torch.Tensor, shape: torch.Size, dice: torch.Generator) -> torch.Tensor:
    """A parameter with its outputs twice, and its inputs in two shares, where the wider network has twice as many."""
    if value.ndim > 1 and shape[1] == 2 * value.shape[1]:
        low, high = SHARES
        share = low + (high - low) * torch.rand(value.shape, generator=dice)
        value = torch.cat([value * share, value * (1 - share)], 1)
    if shape[0] == value.shape[0]:
        return value
    if "to_qkv" in name:
        query, key, read = (torch.cat([part, part]) for part in value.chunk(3))
        return torch.cat([query / 2**0.5, key, read])
    # what makes two frames of one has the channels of the first, then those of the second
    parts = value.chunk(2) if "upsampler.time_conv" in name else (value,)
    return torch.cat([twice for part in parts for twice in (part, part)])
