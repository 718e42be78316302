"""Safetensors files with bytes of their own making."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from filmforge.video_models import tensors


def some() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "flag": torch.tensor([True, False, True]),
        "half": torch.randn(3, 5, generator=generator).bfloat16(),
        "a": torch.randn(2, 3, generator=generator).T,
        "count": torch.tensor(7),
        "none": torch.zeros(0, 4),
    }


def test_what_is_written_is_read_by_the_reference_reader(tmp_path: Path) -> None:
    """The file is plain safetensors: every dtype, a scalar, a transposed and an empty tensor come back."""
    tensors.save(tmp_path / "x", some(), {"b": "1", "a": "é"})
    back = load_file(tmp_path / "x")
    assert {name: value.tolist() for name, value in back.items()} == {
        name: value.tolist() for name, value in some().items()
    }
    with safe_open(tmp_path / "x", "pt") as file:
        assert file.metadata() == {"a": "é", "b": "1"}


def test_equal_contents_give_equal_bytes(tmp_path: Path) -> None:
    """The order in which tensors and metadata are handed over leaves no trace."""
    tensors.save(tmp_path / "x", some(), {"a": "1", "b": "2"})
    tensors.save(tmp_path / "y", dict(reversed(some().items())), {"b": "2", "a": "1"})
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "y"]


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    """A file that lost its end, its header or its format is not read."""
    path = tmp_path / "x"
    tensors.save(path, some())
    whole = path.read_bytes()
    for broken in (whole[:-1], whole[:20], b"", b"\x80\x04hello", b"{}" * 40, whole + b"x"):
        path.write_bytes(broken)
        with pytest.raises(tensors.NotSafetensorsError):
            tensors.load(path)
