"""Transformers from one file, safetensors or GGUF, on the command line and by themselves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import filmforge
from filmforge.errors import FilmError, WeightsError
from filmforge.video_models import single_file, tensors
from filmforge.video_models.checkpoint import Checkpoint, misfit, read_checkpoint
from filmforge.video_models.facts import families, facts_of
from filmforge.video_models.published import releases
from tests.video_models import one_file, tiny
from tests.video_models.test_from_the_command_line import renders, run


def wide(folder: Path) -> Path:
    """A tiny Wan with transformers 32 wide, so that its matrices are whole blocks of GGUF's types."""
    import diffusers

    for part in folder.glob("transformer*"):
        config = json.loads((part / "config.json").read_text()) | {"attention_head_dim": 16}
        torch.manual_seed(len(part.name))
        kind: Any = diffusers.WanTransformer3DModel
        kind.from_config(config).save_pretrained(part)
    return folder


def film_of(folder: Path, family: str, models: dict[str, str], more: str = "", shot: str = "") -> Path:
    """A film with one shot for each of `models`, alike but for the weights."""
    film = folder / "film.yaml"
    lines = "".join(
        f"  {name}: {{use: {family}, precision: fp32, steps: 2, {weights}{more}}}\n"
        for name, weights in models.items()
    )
    shots = "".join(
        f'      - {{id: {name}, prompt: "a red ball", lasts: 5f, seed: 1, model: {name}{shot}}}\n'
        for name in models
    )
    film.write_text(
        f"filmforge: 1\nsize: 64x32\nmodels:\n{lines}model: {next(iter(models))}\nscenes:\n  - id: a\n"
        f"    shots:\n{shots}",
        encoding="utf-8",
    )
    return film


def pictures(film: Path) -> dict[str, np.ndarray]:
    """The frames of each shot's render."""
    from filmforge.editing.frames import read_frames
    from filmforge.store import Store

    store = Store(film.parent / ".filmforge")
    return {
        name.split("/")[2].split("@")[0]: np.stack(list(read_frames(store.blobs.path(digest))))
        for name, digest in renders(film).items()
    }


@dataclass(frozen=True)
class Case:
    """A family, how its tiny weights are made, and how its authors name them (None where diffusers' own names are kept)."""

    family: str
    save: Callable[[Path], Path]
    more: str
    layout: str | None
    near: float


CASES = {
    "5b": Case("wan2.2-ti2v-5b", lambda to: wide(tiny.save_5b_like(to)), ", size: 64x32", "wan", 2),
    # diffusers converts a Mochi of 48 blocks, and no other.
    "mochi": Case("mochi-1", lambda to: tiny.save_mochi_like(to, layers=48), ", size: 64x32", "mochi", 2),
    # It splits a single block of HunyuanVideo at 3072, whatever the width; at its real size, below.
    "hunyuan": Case("hunyuan-video", tiny.save_hunyuan_like, ", size: 64x32", None, 2),
    "ltx": Case("ltx-video", tiny.save_ltx_like, ", size: 64x32", "ltx", 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_file_is_the_folder_s_transformer(case: Case, tmp_path: Path) -> None:
    """The same weights render the same frames from a folder, from a safetensors file in the authors' layout, with the
    parts of another model beside them, whose base has no transformer; and nearly the same from a GGUF of eight bits."""
    case.save(tmp_path / "whole")
    shutil.copytree(
        tmp_path / "whole", tmp_path / "base", ignore=shutil.ignore_patterns("diffusion_pytorch_model*")
    )
    shutil.copytree(tmp_path / "whole" / "vae", tmp_path / "base" / "vae", dirs_exist_ok=True)
    held = one_file.weights_of(tmp_path / "whole")
    theirs = one_file.authors(case.layout, held) if case.layout else held
    within = {f"model.diffusion_model.{name}": value for name, value in theirs.items()}
    tensors.save(tmp_path / "a.safetensors", {**within, "vae.decoder.x": torch.zeros(3)})
    one_file.write_gguf(tmp_path / "a.gguf", theirs)
    models = {
        "folder": "weights: ./whole",
        "file": "weights: {file: ./a.safetensors, base: ./base}",
        "gguf": "weights: {file: ./a.gguf, base: ./base}",
    }
    film = film_of(tmp_path, case.family, models, case.more)
    status, said = run("build", film, "--json")
    assert status == 0, said
    made = pictures(film)
    assert (made["folder"] == made["file"]).all()
    far = np.abs(made["folder"].astype(int) - made["gguf"])
    assert 0 < far.mean() < case.near
    assert run("build", film, "--locked")[0] == 0
