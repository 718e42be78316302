"""What turns pictures into vectors: real ones of transformers, tiny, from a folder; the shipped one; and faces."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPConfig, CLIPModel, Dinov2Config, Dinov2Model

from filmforge.errors import WeightsError
from filmforge.lora.embedders import load_embedder
from filmforge.video_models.embedder_weights import ARCFACE, SHIPPED, TRANSFORMERS
from filmforge.video_models.sampling import Frame

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
MEAN, SPREAD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]


def save(folder: Path, model: Any, side: Any) -> Path:
    model.save_pretrained(folder)
    said = {"crop_size": side, "image_mean": MEAN, "image_std": SPREAD}
    (folder / "preprocessor_config.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def save_dino(folder: Path) -> Path:
    torch.manual_seed(0)
    config = Dinov2Config(**SMALL, image_size=28, patch_size=7)
    return save(folder, Dinov2Model(config), {"height": 28, "width": 28})


def save_clip(folder: Path) -> Path:
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={**SMALL, "vocab_size": 8, "max_position_embeddings": 4},
        vision_config={**SMALL, "image_size": 28, "patch_size": 7},
        projection_dim=12,
    )
    return save(folder, CLIPModel(config), 28)


def picture(width: int, height: int, seed: int = 0) -> Frame:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("saved", "length"), [(save_dino, 16), (save_clip, 12)])
def test_a_model_of_transformers(saved: Callable[[Path], Path], length: int, tmp_path: Path) -> None:
    """DINO's class token or CLIP's projection, of length 1; the same picture is the same vector in any company."""
    embedder = load_embedder(TRANSFORMERS, saved(tmp_path / "model"))
    pictures = [picture(40, 24, seed) for seed in range(10)]
    points = embedder.points(pictures)
    assert points.shape == (10, length)
    torch.testing.assert_close(points.norm(dim=1), torch.ones(10))
    torch.testing.assert_close(embedder.points(pictures[9:]), points[9:])
    assert float((points[0] - points[1]).norm()) > 1e-4


def test_dino_is_asked_as_its_authors_ask_it(tmp_path: Path) -> None:
    """A square picture of its own size goes in normalised by its own mean and spread, and nothing else."""
    folder = save_dino(tmp_path / "model")
    square = picture(28, 28)
    values = torch.from_numpy(square).permute(2, 0, 1).float() / 255
    values = (values - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(SPREAD).view(3, 1, 1)
    with torch.no_grad():
        expected = Dinov2Model.from_pretrained(folder).eval()(values[None]).last_hidden_state[:, 0]
    expected = expected / expected.norm()
    torch.testing.assert_close(load_embedder(TRANSFORMERS, folder).points([square]), expected)


def test_who_stands_at_the_side_is_seen(tmp_path: Path) -> None:
    """A wide frame is not cropped to its middle."""
    embedder = load_embedder(TRANSFORMERS, save_dino(tmp_path / "model"))
    empty = np.full((28, 84, 3), 90, np.uint8)
    aside = empty.copy()
    aside[:, :14] = 250
    assert not torch.allclose(embedder.points([empty]), embedder.points([aside]), atol=1e-4)


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    folder = save_dino(tmp_path / "model")
    torch.save(Dinov2Model.from_pretrained(folder).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="not an embedder that transformers can load"):
        load_embedder(TRANSFORMERS, folder)


def test_without_its_weights_it_says_what_to_do() -> None:
    with pytest.raises(WeightsError, match="run: filmforge fetch FILM"):
        load_embedder(TRANSFORMERS, None)


def test_the_shipped_one() -> None:
    """Any size of picture; vectors of length 1; a puppet is nearer to itself mirrored than to a bare stage."""
    embedder = load_embedder(SHIPPED, None)
    stage = np.full((96, 160, 3), (236, 226, 206), np.uint8)
    stage[70:] = (150, 178, 112)
    puppet = stage.copy()
    puppet[30:80, 50:80] = (206, 40, 44)
    puppet[14:34, 54:76] = (250, 204, 56)
    points = embedder.points([puppet, puppet[:, ::-1], stage, picture(320, 192)])
    torch.testing.assert_close(points.norm(dim=1), torch.ones(4))
    assert points[0] @ points[1] > points[0] @ points[2]


def test_faces_through_insightface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest face counts, colours go in as BGR, and a picture without a face gives nothing."""
    made: dict[str, Any] = {}

    class FaceAnalysis:
        def __init__(self, **options: Any) -> None:
            made.update(options)

        def prepare(self, **options: Any) -> None: ...

        def get(self, image: Frame) -> list[types.SimpleNamespace]:
            if image[0, 0, 0] == 0:
                return []
            vectors = np.eye(512)[[image[0, 0, 0], image[0, 0, 2]]]
            return [
                types.SimpleNamespace(bbox=np.array([0, 0, side, side]), normed_embedding=vector)
                for side, vector in zip((5, 9), vectors, strict=True)
            ]

    package = types.ModuleType("insightface.app")
    package.FaceAnalysis = FaceAnalysis  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "insightface", types.ModuleType("insightface"))
    monkeypatch.setitem(sys.modules, "insightface.app", package)
    embedder = load_embedder(ARCFACE, tmp_path / ".insightface" / "models" / "buffalo_l")
    assert (made["name"], made["root"]) == ("buffalo_l", str(tmp_path / ".insightface"))
    red = np.full((4, 4, 3), (7, 8, 9), np.uint8)
    assert embedder.points([red, np.zeros((4, 4, 3), np.uint8)]).argmax(1).tolist() == [7]
    assert embedder.points([np.zeros((4, 4, 3), np.uint8)]).shape == (0, 512)
