"""First-block cache: where a step's first block does what it did the step before, the other blocks are not asked again.

What they added then is added once more (https://github.com/chengzeyi/ParaAttention, after TeaCache,
https://arxiv.org/abs/2411.19108; diffusers 0.42.1, hooks/first_block_cache.py). It changes pixels, so it is declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

SETTING = "first_block_cache"
"""The name of the threshold among a model's settings: the largest change of the first block's work, as a share of it,
at which the other blocks are still passed over."""


@contextmanager
def cached(experts: Callable[[], Mapping[str, Any]], settings: Mapping[str, Any] | None) -> Iterator[None]:
    """Have the `experts` pass over blocks as `settings` say, for one clip; nothing where they do not.

    The hooks are put on and taken off for each clip: kept ones would compare a clip's first step with the last of the
    clip before it, so that a shot would depend on its neighbour.
    """
    threshold = (settings or {}).get(SETTING)
    if threshold is None:
        yield
        return
    from diffusers.hooks.first_block_cache import FirstBlockCacheConfig

    found = experts()
    try:
        for expert in found.values():
            expert.enable_cache(FirstBlockCacheConfig(threshold=float(threshold)))
        yield
    finally:
        for expert in found.values():
            if expert.is_cache_enabled:
                expert.disable_cache()
