"""Keeps several characters apart: each one's LoRA and words act in a part of the picture of its own.

Added up, two LoRAs act on every token alike, and two characters melt into one. Here the picture is cut into upright
strips, one for each character, and three published ways are laid together, none of which trains anything:

- a LoRA adds to the tokens of its own strip alone (Yaoli Liu and others, FreeFuse, https://arxiv.org/abs/2510.23515,
  there with masks that are found; here with strips that are declared);
- the tokens of a strip read its own character's words alone (regional prompting, https://arxiv.org/abs/2411.02395);
- in the first steps they see no other strip's tokens either. That decides where things stand: a character that was
  learned from the middle of photos is drawn in the middle of its strip, and not in that of the picture. Then the walls
  come down, and the strips become one picture.

Both attentions are computed strip by strip and not with a mask, so it costs no memory, and less time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Apart:
    """How a clip's characters are kept apart.

    `adapters` are the LoRAs of the strips from left to right, None where one has none, `texts` the strips' embedded
    words, each [text length, width]. The strips see nothing of one another in the first `walls` sampling steps.
    """

    adapters: tuple[str | None, ...]
    texts: tuple[Tensor, ...]
    walls: int


class Strips:
    """Which tokens of a clip belong to which strip, and where in the sampling one is.

    `grid` counts tokens: (latent frames, rows, columns). A column between two strips belongs to the one that its middle
    lies in. ValueError where there are fewer columns than strips.
    """

    def __init__(self, apart: Apart, grid: tuple[int, int, int]) -> None:
        count = len(apart.adapters)
        frames, rows, columns = grid
        if columns < count:
            raise ValueError(f"{count} characters do not fit side by side into {columns} columns of tokens")
        owner = torch.tensor([(2 * column + 1) * count // (2 * columns) for column in range(columns)])
        self.owner = owner.expand(frames, rows, columns).reshape(-1)
        self.tokens = [torch.nonzero(self.owner == strip).flatten() for strip in range(count)]
        self.walls = apart.walls
        self.text_length = len(apart.texts[0])
        self.done = 0
        """Sampling steps that are done."""
        self.within: int | None = None
        """The strip that is being computed by itself; None where all tokens are."""

    @property
    def walled(self) -> bool:
        """Whether the strips still see nothing of one another."""
        return self.done < self.walls

    def share(self, strip: int, out: Tensor) -> Tensor:
        """What a strip's LoRA adds, `out` [batch, tokens, channels], where it is to act."""
        if self.within is not None:
            return out if self.within == strip else torch.zeros_like(out)
        own = (self.owner == strip).to(out.device, out.dtype)
        return out * own[:, None]


class _StripAttention(WanAttnProcessor):
    """diffusers' own attention, asked strip by strip."""

    def __init__(self, strips: Strips) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.strips = strips

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """`encoder_hidden_states` [batch, text, width] are the strips' words one after another, or one text for all."""
        strips = self.strips
        plain = super().__call__
        if encoder_hidden_states is None and not strips.walled:
            whole: Tensor = plain(attn, hidden_states, None, attention_mask, rotary_emb)
            return whole
        out = torch.empty_like(hidden_states)
        try:
            for strip, tokens in enumerate(strips.tokens):
                strips.within = strip
                at = tokens.to(hidden_states.device)
                words, turned = encoder_hidden_states, rotary_emb
                if words is not None and words.shape[1] > strips.text_length:
                    words = words.chunk(len(strips.tokens), dim=1)[strip]
                if turned is not None:
                    turned = (turned[0][:, at], turned[1][:, at])
                out[:, at] = plain(attn, hidden_states[:, at], words, attention_mask, turned)
        finally:
            strips.within = None
        return out


@contextmanager
def kept_apart(
    experts: Mapping[str, Any], apart: Apart | None, grid: tuple[int, int, int]
) -> Iterator[Strips | None]:
    """Have the `experts` keep a clip's characters apart for as long as it is sampled; nothing where `apart` is None.

    Who samples tells the strips how many steps are done.
    """
    if apart is None:
        yield None
        return
    strips = Strips(apart, grid)
    with ExitStack() as undo:
        for expert in experts.values():
            undo.callback(expert.set_attn_processor, dict(expert.attn_processors))
            expert.set_attn_processor(_StripAttention(strips))
            for strip, adapter in enumerate(apart.adapters):
                for module in expert.modules():
                    if adapter in getattr(module, "lora_B", {}):
                        handle = module.lora_B[adapter].register_forward_hook(
                            lambda _module, _given, out, strip=strip: strips.share(strip, out)
                        )
                        undo.callback(handle.remove)
        yield strips
