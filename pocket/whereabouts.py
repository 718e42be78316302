"""Teaches the painter where its tokens are: a second task, for training only.

Wan's positions are rotary: attention sees how far apart two tokens are, and never where one is. Of pure noise, a
token can only find its place by what is missing beyond the edges. The sets of the theatre stand where they stand,
so it has to. Left to itself, the painter named the column of three tokens in four after three of its six layers; asked
for it after two, it learns to find out there, and the layers after it know.
"""

from __future__ import annotations

import torch
from diffusers import WanTransformer3DModel
from torch.nn import functional

ROWS, COLUMNS = 6, 10  # tokens of a frame of 160x96
AFTER = 2  # layers


class Whereabouts(torch.nn.Module):
    """Names row and column of every token from what the painter holds of it after `AFTER` layers."""

    def __init__(self, painter: WanTransformer3DModel) -> None:
        super().__init__()
        width = painter.config.num_attention_heads * painter.config.attention_head_dim
        self.names = torch.nn.Linear(width, ROWS + COLUMNS)
        self.held: torch.Tensor | None = None
        painter.blocks[AFTER].register_forward_pre_hook(self._keep)

    def _keep(self, _block: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        self.held = given[0]

    def loss(self) -> tuple[torch.Tensor, float]:
        """Of the painter's last forward pass: cross entropy, and the share of columns named right."""
        if self.held is None:
            raise ValueError("the painter has not been run")
        hidden, self.held = self.held.float(), None
        told = self.names(functional.layer_norm(hidden, hidden.shape[-1:]))
        told = told.unflatten(1, (-1, ROWS, COLUMNS)).flatten(0, 1)  # frames, rows, columns, names
        places = torch.arange(ROWS * COLUMNS, device=told.device).expand(len(told), -1)
        rows, columns = told.flatten(1, 2).flatten(0, 1).split((ROWS, COLUMNS), -1)
        row, column = (places // COLUMNS).flatten(), (places % COLUMNS).flatten()
        right = float((columns.detach().argmax(-1) == column).float().mean())
        return functional.cross_entropy(rows, row) + functional.cross_entropy(columns, column), right
