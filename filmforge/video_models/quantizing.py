"""Weights smaller than sixteen bits: what each precision needs, and how diffusers is told.

`fp8` stores in eight bits and computes in sixteen, which diffusers does itself (`enable_layerwise_casting`). `int8`
and `nf4` are quantized by bitsandbytes as they are read (https://arxiv.org/abs/2208.07339,
https://arxiv.org/abs/2305.14314). Without torch at import, so that a plan can ask what is installed.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from filmforge.errors import FilmforgeError

_PACKAGES = {"int8": "bitsandbytes", "nf4": "bitsandbytes"}


def missing(family: str, precision: str) -> str:
    """What keeps a precision from being carried out here, in one sentence; empty when nothing does."""
    package = _PACKAGES.get(precision)
    if package is None or find_spec(package) is not None:
        return ""
    return (
        f"precision {precision} of {family} needs the package {package}, which is not installed; run "
        f"`pip install {package}`, or declare fp8, which needs none"
    )


def reading(family: str, precision: str) -> dict[str, Any]:
    """What a component is read with in this precision. FilmforgeError where the package for it is missing."""
    if wrong := missing(family, precision):
        raise FilmforgeError(wrong)
    if precision not in _PACKAGES:
        return {}
    import diffusers
    import torch

    config: Any = diffusers.BitsAndBytesConfig
    if precision == "int8":
        return {"quantization_config": config(load_in_8bit=True)}
    four = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.bfloat16}
    return {"quantization_config": config(load_in_4bit=True, **four)}


def store_small(part: Any, precision: str, compute: Any) -> None:
    """Keep the weights of `part` in eight bits between uses, for `fp8`. What must not be cast, diffusers leaves out."""
    if precision == "fp8":
        import torch

        part.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=compute)
