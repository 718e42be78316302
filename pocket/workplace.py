"""Where the recipe keeps what it makes on the way: ``.pocket/``, ignored by git."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import torch

WORK = Path(os.environ.get("POCKET_WORK", ".pocket"))
WEIGHTS = Path(__file__).resolve().parent.parent / "filmforge" / "weights" / "pocket"


def device() -> torch.device:
    """One GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@cache
def half_precision() -> bool:
    """Whether bfloat16 is multiplied faster than float32 here.

    So it is on GPUs, on processors with matrix units, and on AMD's with AVX512-BF16 (convolutions of 64 channels,
    forward and backward: 263 GFLOP/s against 63). Intel's with AVX512-BF16 but no matrix units take a third longer in
    it, over a step of the painter as over encoding a clip.
    """
    if device().type == "cuda":
        return True
    if torch.cpu._is_amx_tile_supported():
        return True
    cpuinfo = Path("/proc/cpuinfo")
    amd = cpuinfo.exists() and "AuthenticAMD" in cpuinfo.read_text()
    return amd and bool(torch.cpu._is_avx512_bf16_supported())


@cache
def compiler_at_hand() -> bool:
    """Whether torch can compile for the processor: it needs a C++ compiler."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++"))


def save(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint beside its place, then rename: a killed run never leaves half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def load(path: Path) -> dict[str, Any] | None:
    """The checkpoint, or None before the first one."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
