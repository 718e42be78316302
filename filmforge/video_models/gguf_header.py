"""Reads the header of a GGUF file: which tensors it holds, and of which types. Without torch, and without reading them.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Nothing in the file is believed before it is held
against the file's size.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_ALIGNMENT = "general.alignment"
_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_UINT32, _STRING, _ARRAY = 4, 8, 9
_LONGEST_NAME = 65_535
_MOST = 1_000_000
_DEEPEST = 8

BLOCKS: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    20: ("IQ4_NL", 32, 18),
    23: ("IQ4_XS", 256, 136),
    30: ("BF16", 1, 2),
}
"""The types that diffusers reads, by number: name, weights in a block, bytes of a block. From ggml.h, and
`SUPPORTED_GGUF_QUANT_TYPES` of diffusers 0.42.1."""


class NotGgufError(ValueError):
    """The file is not a whole GGUF file, or holds what cannot be read; the message says what."""


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor: its shape in torch's order, the name of its type, and how many bytes it takes."""

    shape: tuple[int, ...]
    kind: str
    size: int


def read_header(path: Path) -> dict[str, GgufTensor]:
    """The tensors of a GGUF file by name. NotGgufError for anything else, a cut file among them."""
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            return _tensors(_Reader(file, size))
        except (EOFError, struct.error):
            raise NotGgufError("it is cut short within its header") from None


class _Reader:
    """What follows in a file, taken from it piece by piece."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.size = file, size

    def at(self) -> int:
        return self._file.tell()

    def take(self, count: int) -> bytes:
        if count > self.size - self.at():
            raise EOFError
        return self._file.read(count)

    def skip(self, count: int) -> None:
        if count > self.size - self.at():
            raise EOFError
        self._file.seek(count, 1)

    def number(self, form: str = "<Q") -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def name(self) -> str:
        length = self.number()
        if length > _LONGEST_NAME:
            raise NotGgufError("its header cannot be read: a name in it has no end")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise NotGgufError("its header cannot be read: a name in it is not text") from None


def _tensors(reader: _Reader) -> dict[str, GgufTensor]:
    if reader.take(4) != MAGIC:
        raise NotGgufError("it does not begin as a GGUF file does")
    version = reader.number("<I")
    if version not in _VERSIONS:
        raise NotGgufError(f"its version of GGUF is {version}; 2 and 3 are read")
    count, entries = reader.number(), reader.number()
    if max(count, entries) > _MOST:
        raise NotGgufError("its header cannot be read: it speaks of millions of tensors")
    alignment = 32
    for _ in range(entries):
        name, kind = reader.name(), reader.number("<I")
        if name == _ALIGNMENT and kind == _UINT32:
            alignment = reader.number("<I")
            if alignment < 1 or alignment & (alignment - 1):
                raise NotGgufError(f"its header cannot be read: tensors at multiples of {alignment}")
        else:
            _pass_over(reader, kind)
    found: dict[str, GgufTensor] = {}
    end = 0
    for _ in range(count):
        name = reader.name()
        axes = reader.number("<I")
        if axes > _DEEPEST:
            raise NotGgufError(f"its header cannot be read: {name} has {axes} axes")
        shape = tuple(reversed([reader.number() for _ in range(axes)]))
        kind, offset = reader.number("<I"), reader.number()
        if kind not in BLOCKS:
            known = ", ".join(title for title, _, _ in BLOCKS.values())
            raise NotGgufError(f"{name} is of type {kind}, which diffusers does not read; it reads {known}")
        title, weights, taken = BLOCKS[kind]
        if weights > 1 and (not shape or shape[-1] % weights):
            raise NotGgufError(f"its header cannot be read: {name} is not whole blocks of {title}")
        held = math.prod(shape) // weights * taken
        found[name] = GgufTensor(shape, title, held)
        end = max(end, offset + held)
    start = -(-reader.at() // alignment) * alignment
    if start + end > reader.size:
        raise NotGgufError(f"it is cut short: {reader.size:,} bytes, not {start + end:,}")
    return found


def _pass_over(reader: _Reader, kind: int, depth: int = 0) -> None:
    """Go past a value of the metadata: nothing there decides how the tensors are read."""
    if kind in _SCALARS:
        reader.skip(_SCALARS[kind])
    elif kind == _STRING:
        reader.skip(reader.number())
    elif kind == _ARRAY and depth < _DEEPEST:
        inner, count = reader.number("<I"), reader.number()
        if inner in _SCALARS:
            reader.skip(_SCALARS[inner] * count)
            return
        if count > reader.size - reader.at():
            raise EOFError
        for _ in range(count):
            _pass_over(reader, inner, depth + 1)
    else:
        raise NotGgufError("its header cannot be read: it holds a value of an unknown kind")
