"""Writes and reads safetensors files whose bytes depend on nothing but what is in them.

The reference writer orders metadata by a hash that differs from process to process, so two equal results
would get two digests. The format is small (https://github.com/huggingface/safetensors#format): the length of
a JSON header as eight little-endian bytes, the header, the tensors one after another.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_LONGEST_HEADER = 100_000_000  # bytes; the reference reader's own limit
_NAMES = {
    "float64": "F64",
    "float32": "F32",
    "bfloat16": "BF16",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}


class NotSafetensorsError(ValueError):
    """The file is not a whole safetensors file; the message says in what."""


def save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write `tensors` (any device) and `metadata` to `path`; equal contents give equal bytes.

    The file appears whole or not at all: it is written under a temporary name beside `path`, synced, renamed.
    """
    import torch

    header: dict[str, Any] = {}
    if metadata:
        header["__metadata__"] = dict(sorted(metadata.items()))
    # Widest elements first keeps every tensor aligned to its own element size.
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    start = 0
    for name in order:
        tensor = tensors[name]
        end = start + tensor.numel() * tensor.element_size()
        dtype = _NAMES[str(tensor.dtype).removeprefix("torch.")]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [start, end]}
        start = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(len(text).to_bytes(8, "little"))
            file.write(text)
            for name in order:
                flat = tensors[name].detach().cpu().contiguous().reshape(-1)
                file.write(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU. NotSafetensorsError when it is not a whole one."""
    from safetensors.torch import load_file

    read_header(path)
    tensors: dict[str, Tensor] = load_file(str(path))
    return tensors


def metadata(path: Path) -> dict[str, str]:
    """The metadata of the safetensors file at `path`; {} when it has none. Imports no torch."""
    found: dict[str, str] = read_header(path).get("__metadata__", {})
    return found


def read_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: tensor name -> dtype, shape, data_offsets. Imports no torch.

    Raises NotSafetensorsError for anything else, a pickle with a safetensors name and a cut file among them.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(_LONGEST_HEADER, size - 8):
            raise NotSafetensorsError("it has no safetensors header")
        try:
            header = json.loads(file.read(length))
        except ValueError:
            raise NotSafetensorsError("its safetensors header cannot be read") from None
    if not isinstance(header, dict):
        raise NotSafetensorsError("its safetensors header is not a table")
    end = max(
        (entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0
    )
    if end != size - 8 - length:
        raise NotSafetensorsError(f"it is cut short or has grown: {size} bytes, not {8 + length + end}")
    return header
