"""The small embedder that ships for `pocket`: a paper theatre's frames in, points out that are near for one puppet.

Taught by `pocket/train_embedder.py` on puppets drawn once in several places, lights and sizes. It knows nothing of
photographs: for those, one names a larger one.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE = (80, 48)
"""Width and height of what it looks at: half of what `pocket` draws, whose own pictures are no sharper."""
POINT = 64
"""The length of the vectors it gives."""
_WIDTHS = (24, 48, 96)
_LOOKS = 4


class ShippedEmbedder(nn.Module):
    """Frames (B, 3, 48, 80) in -1..1 to vectors (B, 64) of length 1.

    Where in the frame the puppet is, it finds by itself: four learned looks over the last map, each a weighted mean.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for number, width in enumerate(_WIDTHS):
            side = 5 if number == 0 else 3
            layers += [
                nn.Conv2d(before, width, side, 2, side // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            if number:
                layers += [nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        self.body = nn.Sequential(*layers)
        self.where = nn.Conv2d(before, _LOOKS, 1)
        self.head = nn.Linear(before * _LOOKS, POINT)

    def forward(self, frames: Tensor) -> Tensor:
        seen = self.body(frames).flatten(2)
        weights = self.where(seen.unsqueeze(-1)).squeeze(-1).softmax(-1)
        looked = torch.einsum("blp,bcp->blc", weights, seen).flatten(1)
        return functional.normalize(self.head(looked), dim=-1)


def weights_file() -> Path:
    """Where its weights lie in the package."""
    return Path(str(resources.files("filmforge"))) / "weights" / "likeness.safetensors"


def shipped_embedder() -> ShippedEmbedder:
    """The embedder with its weights, in float32, on the processor."""
    from safetensors.torch import load_file

    embedder = ShippedEmbedder()
    embedder.load_state_dict({name: value.float() for name, value in load_file(weights_file()).items()})
    return embedder.eval().requires_grad_(False)
