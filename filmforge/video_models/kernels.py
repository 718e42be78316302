"""With what a transformer computes: the kernel of its attention, and whether its blocks are compiled.

Both change the last bits of what comes out, and from there the picture, so they are declared. Source: diffusers 0.42.1,
models/attention_dispatch.py and modeling_utils.py. Without torch at import, so that a film can be checked.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from filmforge.errors import FilmforgeError
from filmforge.video_models.family import Facts

if TYPE_CHECKING:
    import torch

Attention = Literal["native", "math", "cudnn", "flash", "sage", "xformers"]


@dataclass(frozen=True, slots=True)
class _Kernel:
    """A kernel as diffusers calls it, the module it is in and the package that has it, and what it needs."""

    backend: str
    module: str = ""
    package: str = ""
    gpu: bool = True
    sixteen_bits: bool = False


_KERNELS: Mapping[Attention, _Kernel] = {
    "native": _Kernel("native", gpu=False),
    "math": _Kernel("_native_math", gpu=False),
    "cudnn": _Kernel("_native_cudnn", sixteen_bits=True),
    "flash": _Kernel("flash", "flash_attn", "flash-attn", sixteen_bits=True),
    "sage": _Kernel("sage", "sageattention", "sageattention", sixteen_bits=True),
    "xformers": _Kernel("xformers", "xformers", "xformers"),
}

ATTENTION, COMPILED = "attention", "compiled"
"""Their names among a model's settings."""


def unfit(facts: Facts, attention: Attention, precision: str) -> str:
    """Why a family cannot attend so in this precision, to be read after its name; empty when it can."""
    if attention != "native" and attention not in facts.attention:
        able = ", ".join(("native", *facts.attention))
        return f"cannot attend by {attention}; it can by {able}"
    if _KERNELS[attention].sixteen_bits and precision == "fp32":
        return f"is declared in fp32, and {attention} computes in sixteen bits; declare bf16, or another attention"
    return ""


def missing(attention: Attention) -> str:
    """What is not installed that this attention needs, in one sentence; empty when nothing is missing."""
    kernel = _KERNELS[attention]
    if not kernel.module or find_spec(kernel.module) is not None:
        return ""
    return (
        f"attention by {attention} needs the package {kernel.package}, which is not installed; run "
        f"`pip install {kernel.package}`, or remove the line"
    )


@contextmanager
def computing(
    experts: Callable[[], Mapping[str, Any]], settings: Mapping[str, Any] | None, device: torch.device
) -> Iterator[None]:
    """Have the `experts` compute as `settings` say while one clip is sampled.

    Where they say nothing, attention is torch's own, whatever diffusers' environment variable says: that would change
    pixels unseen. FilmforgeError where this machine cannot.
    """
    from diffusers.models.attention_dispatch import attention_backend

    given = settings or {}
    name: Attention = given.get(ATTENTION, "native")
    kernel = _KERNELS[name]
    if wrong := missing(name):
        raise FilmforgeError(wrong)
    if kernel.gpu and device.type != "cuda":
        raise FilmforgeError(
            f"attention by {name} needs an NVIDIA GPU, and models run on {device.type} here; remove "
            "`attention`, or build where there is one"
        )
    with attention_backend(kernel.backend):
        if not given.get(COMPILED):
            yield
            return
        _check_compiler(device)
        with _compiled(experts()):
            yield


def _check_compiler(device: torch.device) -> None:
    if device.type == "cuda" and find_spec("triton") is None:
        raise FilmforgeError("`compile: true` needs the package triton here, which is not installed")
    if device.type != "cuda" and not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        raise FilmforgeError(
            "`compile: true` needs a C++ compiler on a processor, and there is none; install g++, or remove the line"
        )


@contextmanager
def _compiled(experts: Mapping[str, Any]) -> Iterator[None]:
    """Compile the blocks that repeat, as `compile_repeated_blocks` does; kept for the next clip that declares it."""
    blocks = [
        block
        for expert in experts.values()
        for block in expert.modules()
        if type(block).__name__ in (expert._repeated_blocks or ())
    ]
    for block in blocks:
        kept = getattr(block, "filmforge_compiled", None)
        if kept is None:
            block.compile()
            # Not by attribute: a module would take a callable module for a part of it.
            block.__dict__["filmforge_compiled"] = block._compiled_call_impl
        else:
            block._compiled_call_impl = kept
    try:
        yield
    finally:
        for block in blocks:
            block._compiled_call_impl = None
