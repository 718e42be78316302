"""diffusers' caches: what of a sampling step is taken over from a step before. They change pixels, so they are declared.

    first-block        where a step's first block does what it did a step before, the others are not asked
                       (https://github.com/chengzeyi/ParaAttention, after TeaCache, https://arxiv.org/abs/2411.19108)
    taylorseer         of every few steps one is computed; the others are foretold, to the first order, from what came out of
                       the last two (https://arxiv.org/abs/2503.06923)
    pyramid-attention  in the middle of the noise, attention is computed at one of every few steps
                       (https://arxiv.org/abs/2408.12588)

Source: diffusers 0.42.1, hooks/first_block_cache.py, taylorseer_cache.py, pyramid_attention_broadcast.py. Without torch at
import, so that a film can be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from filmforge.video_models.family import Facts

Kind = Literal["first-block", "taylorseer", "pyramid-attention"]

SETTINGS: Mapping[Kind, str] = {
    "first-block": "first_block_cache",
    "taylorseer": "taylorseer_cache",
    "pyramid-attention": "pyramid_attention",
}
"""The name of each cache's number among a model's settings: of the first, the largest change of the first block's work, as
a share of it, at which the other blocks are passed over; of the others, of how many steps one is computed."""
DEFAULTS: Mapping[Kind, float] = {"first-block": 0.05, "taylorseer": 3, "pyramid-attention": 2}

_MIDDLE = (100, 800)
"""The noise, of 1000, within which attention changes little from step to step; as its authors found."""
_WARM_UP = 3
"""How many steps are computed before any is foretold."""


def unfit(facts: Facts, kind: Kind, guidance: float) -> str:
    """Why a cache does not work on a family at this guidance, to be read after its name; empty when it does."""
    if facts.passes is None and not facts.first_block_cache:
        return "has no cache that works; remove the line"
    if kind != "pyramid-attention":
        # They remember what a pass did by its name, and fail with a pipeline that names none.
        return "" if facts.first_block_cache else f"has no {kind}: its pipeline does not name its passes"
    if facts.passes is None:
        return f"has no {kind}"
    if facts.passes == "apart" and guidance > 1:
        return (
            f"is asked for the prompt and the negative prompt in turn, and {kind} would take the one for the other; "
            "declare `guidance: 1`, or another cache"
        )
    return ""


@contextmanager
def cached(
    experts: Callable[[], Mapping[str, Any]],
    settings: Mapping[str, Any] | None,
    *,
    reversed_noise: bool = False,
) -> Iterator[None]:
    """Have the `experts` take over what `settings` say, for one clip; nothing where they say nothing.

    The hooks are put on and taken off for each clip: kept ones would compare a clip's first step with the last of the
    clip before it, so that a shot would depend on its neighbour. `reversed_noise` is for transformers whose timesteps
    run from 0, all noise, to 1000.
    """
    given = settings or {}
    kind = next((kind for kind, name in SETTINGS.items() if given.get(name) is not None), None)
    if kind is None:
        yield
        return
    found = experts()
    watches = []
    try:
        for expert in found.values():
            noise = _Noise(reversed_noise)
            if kind == "pyramid-attention":
                watches.append(expert.register_forward_pre_hook(noise.see, with_kwargs=True))
            expert.enable_cache(_configuration(kind, float(given[SETTINGS[kind]]), noise))
        yield
    finally:
        for watch in watches:
            watch.remove()
        for expert in found.values():
            if expert.is_cache_enabled:
                expert.disable_cache()


class _Noise:
    """The noise level, of 1000, that a transformer was last asked at."""

    def __init__(self, reversed_noise: bool) -> None:
        self.level = 0.0
        self._reversed = reversed_noise

    def see(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Before each pass: every pipeline names the argument. Where it is given by token, given frames have 0."""
        level = float(kwargs["timestep"].max())
        self.level = 1000 - level if self._reversed else level


def _configuration(kind: Kind, amount: float, noise: _Noise) -> Any:
    import torch
    from diffusers.hooks.first_block_cache import FirstBlockCacheConfig
    from diffusers.hooks.pyramid_attention_broadcast import PyramidAttentionBroadcastConfig
    from diffusers.hooks.taylorseer_cache import TaylorSeerCacheConfig

    if kind == "first-block":
        return FirstBlockCacheConfig(threshold=amount)
    if kind == "taylorseer":
        # Its patterns for attention layers match none of these transformers but one, and then nothing is cached; so all
        # blocks are passed over, and what the last layer gives is foretold.
        return TaylorSeerCacheConfig(
            cache_interval=int(amount),
            disable_cache_before_step=_WARM_UP,
            max_order=1,
            taylor_factors_dtype=torch.float32,
            use_lite_mode=True,
        )
    return PyramidAttentionBroadcastConfig(
        spatial_attention_block_skip_range=int(amount),
        cross_attention_block_skip_range=int(amount),
        spatial_attention_timestep_skip_range=_MIDDLE,
        cross_attention_timestep_skip_range=_MIDDLE,
        current_timestep_callback=lambda: noise.level,  # type: ignore[arg-type,return-value]
    )
