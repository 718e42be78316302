"""Likeness from film.yaml to `status`, in worker processes, with embedders of transformers from folders: no network."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    BitImageProcessor,
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
    DINOv3ViTConfig,
    DINOv3ViTModel,
)

import filmforge
from tests.cli.conftest import Run
from tests.video_models.conftest import load
from tests.video_models.test_loras import RANK, state, written
from tests.video_models.tiny import save_pocket_like

FILM = """\
filmforge: 1
size: 64x32
fps: 8
embedder: {embedder}
models:
  tiny: {{use: pocket, weights: ./model, size: 64x32, steps: 2}}
model: tiny
characters:
  mira: {{looks: a girl, photos: photos, lora: {{file: mira.safetensors}}, likeness: 1}}
scenes:
  - id: a
    shots:
      - {{id: one, prompt: "{{mira}} walks", lasts: 5f, seed: 7}}
      - {{id: two, prompt: "{{mira}} waves", lasts: 5f, seed: 8}}
"""
SMALL: Any = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SEES: Any = {**SMALL, "image_size": 28, "patch_size": 7}


def save_dinov2(folder: Path) -> None:
    Dinov2Model(Dinov2Config(**SEES)).save_pretrained(folder)
    BitImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 28, "width": 28}).save_pretrained(
        folder
    )


def save_dinov3(folder: Path) -> None:
    """Its own processor needs torchvision: what it writes is written here."""
    DINOv3ViTModel(DINOv3ViTConfig(**SEES)).save_pretrained(folder)
    said = {
        "image_processor_type": "DINOv3ViTImageProcessorFast", "do_center_crop": None, "crop_size": None,
        "size": {"height": 28, "width": 28}, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(said), encoding="utf-8")


def save_clip(folder: Path) -> None:
    CLIPVisionModelWithProjection(CLIPVisionConfig(**SEES, projection_dim=12)).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(
        folder
    )


EMBEDDERS: dict[str, Callable[[Path], None]] = {
    "dinov2": save_dinov2,
    "dinov3": save_dinov3,
    "clip": save_clip,
}


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A film of two shots with a LoRA of mira's, its tiny model and photos beside it, and the network away."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    save_pocket_like(tmp_path / "model")
    (tmp_path / "photos").mkdir()
    for number in range(3):
        blocks = np.random.default_rng(number).integers(0, 255, (4, 7, 3), dtype=np.uint8)
        image = Image.fromarray(blocks).resize((112, 64), Image.Resampling.NEAREST)
        image.save(tmp_path / f"photos/{number}.png")
    written(tmp_path / "mira.safetensors", state(load("pocket", tmp_path / "model")), alpha=RANK)
    for name, save in EMBEDDERS.items():
        (tmp_path / name).mkdir()
        torch.manual_seed(0)
        save(tmp_path / name)
    return tmp_path / "film.yaml"


def takes(film: Path) -> dict[str, Any]:
    """By step, what each take was found to be: the figures of its `likeness` step."""
    steps = filmforge.plan(filmforge.load(film)).steps
    found = {}
    for name, planned in steps.items():
        if planned.step.kind == "likeness":
            assert planned.record is not None
            found[name] = planned.record.provenance["likeness"]["mira"]
    return found


def kinds(film: Path) -> Counter[str]:
    """How many steps of each kind a build would make."""
    resolution = filmforge.plan(filmforge.load(film)).resolution
    return Counter(planned.step.kind for planned in resolution.stale())


@pytest.mark.slow
def test_embedders_that_one_names(run: Run, film: Path) -> None:
    """DINOv2, DINOv3 and CLIP measure in two workers at once, `status` has the figures, another one renders nothing."""
    measured = []
    for number, name in enumerate(EMBEDDERS):
        film.write_text(FILM.format(embedder=f"./{name}"), encoding="utf-8")
        wanted = kinds(film)
        assert wanted["likeness"] == 2
        assert set(wanted) == {"likeness"} or number == 0, "another embedder renders and encodes nothing"
        built = run("build", film, "--jobs", 2)
        assert built.status == 0, built.err
        found = takes(film)
        assert set(found) == {"likeness/a/one@7", "likeness/a/two@8"}
        status = run("status", film)
        for step, figures in found.items():
            (line,) = (row for row in status.out.splitlines() if row.startswith(step.split("/", 1)[1][:5]))
            assert f"mira {figures['likeness']:.2f}" in line
        told = json.loads(run("status", film, "--json").out)
        assert "likeness" in json.dumps(told)
        measured.append([figures["nearness"] for figures in found.values()])
    assert measured[0] != measured[1] != measured[2] != measured[0]
    again = run("build", film)
    assert again.status == 0
    assert not kinds(film)


class TestRefused:
    """In one sentence that names the line and what to do, before anything runs."""

    def refused(self, run: Run, film: Path, embedder: str) -> str:
        film.write_text(FILM.format(embedder=embedder), encoding="utf-8")
        ended = run("build", film)
        assert ended.status == 2
        assert "film.yaml:4:" in ended.err
        assert not list(film.parent.glob(".filmforge/records/*"))
        return ended.err

    def test_faces_without_their_package(self, run: Run, film: Path) -> None:
        """ArcFace is an optional extra."""
        said = self.refused(run, film, "arcface")
        assert (
            "pip install 'filmforge[faces]'; or name another embedder, such as facebook/dinov2-base" in said
        )

    def test_a_model_of_words(self, run: Run, film: Path) -> None:
        """A folder in the right layout, of a model that reads no pictures."""
        folder = film.parent / "dinov2"
        (folder / "config.json").write_text('{"model_type": "bert", "hidden_size": 16}', encoding="utf-8")
        assert "holds bert, which does not read pictures; name DINO or CLIP" in self.refused(
            run, film, "./dinov2"
        )

    def test_code_of_its_own(self, run: Run, film: Path) -> None:
        """It is never run."""
        path = film.parent / "dinov2" / "config.json"
        said = json.loads(path.read_text(encoding="utf-8")) | {"auto_map": {"AutoModel": "own.Model"}}
        path.write_text(json.dumps(said), encoding="utf-8")
        assert "brings code of its own" in self.refused(run, film, "./dinov2")
