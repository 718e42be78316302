"""What turns pictures into vectors for likeness: the small one that ships, DINO or CLIP from a folder, or ArcFace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from filmforge.errors import WeightsError
from filmforge.lora.shipped_embedder import SIZE, shipped_embedder
from filmforge.video_models.embedder_weights import ARCFACE, SHIPPED
from filmforge.video_models.sampling import Frame

_BATCH = 8
_HALF_OF_CLIP = "CLIPVisionModelWithProjection"


class Embedder(Protocol):
    """Pictures (height x width x 3, uint8, any size) to vectors [N, D] of length 1, in float32.

    One of faces gives none for a picture in which it finds no face, so that N may be less than there are pictures.
    """

    def points(self, pictures: Sequence[Frame]) -> Tensor: ...


def load_embedder(kind: str, folder: Path | None) -> Embedder:
    """The embedder of that kind, on the processor. WeightsError where `folder` holds none that can be read."""
    if kind == SHIPPED:
        return _Shipped()
    if folder is None:
        raise WeightsError("the embedder's weights are not on this machine; run: filmforge fetch FILM")
    return _Faces(folder) if kind == ARCFACE else _Transformer(folder)


class _Shipped:
    def __init__(self) -> None:
        self._model = shipped_embedder()

    @torch.no_grad()
    def points(self, pictures: Sequence[Frame]) -> Tensor:
        values = torch.stack([_levels(_whole(picture, SIZE)) for picture in pictures]) * 2 - 1
        found: Tensor = torch.cat([self._model(part) for part in _batches(values)])
        return found


class _Transformer:
    """DINO, DINOv2, CLIP and their like: the vector of the class token, or CLIP's projection of it.

    A picture is fitted into the model's square whole, with bars: cropped to its middle, as is usual, a wide frame
    would lose whoever stands at its side.
    """

    def __init__(self, folder: Path) -> None:
        from safetensors import SafetensorError
        from transformers import AutoConfig, AutoModel, CLIPVisionModelWithProjection

        try:
            read = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            # Of CLIP's picture half alone, AutoModel would leave the projection out.
            projected = _HALF_OF_CLIP in (getattr(read, "architectures", None) or [])
            kind: Any = CLIPVisionModelWithProjection if projected else AutoModel
            self._model: Any = kind.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
            ).eval()
            said = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
            config = getattr(self._model.config, "vision_config", self._model.config)
            cropped = _side(said.get("crop_size")) if said.get("do_center_crop", True) else None
            self._side = cropped or _side(said.get("size")) or int(config.image_size)
            self._mean = torch.tensor(said.get("image_mean", [0.5] * 3)).view(3, 1, 1)
            self._spread = torch.tensor(said.get("image_std", [0.5] * 3)).view(3, 1, 1)
            # One picture, so that what is no picture model says so now and not after the first take.
            self.points([np.zeros((self._side, self._side, 3), np.uint8)])
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RuntimeError,
            SafetensorError,
        ) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise WeightsError(
                f"{folder}: not an embedder that transformers can load: {first}; name a folder or hub id of DINO, DINOv2, "
                "DINOv3 or CLIP, whole and as save_pretrained writes it"
            ) from error

    @torch.no_grad()
    def points(self, pictures: Sequence[Frame]) -> Tensor:
        values = torch.stack([self._seen(picture) for picture in pictures])
        return functional.normalize(torch.cat([self._asked(part) for part in _batches(values)]), dim=1)

    def _seen(self, picture: Frame) -> Tensor:
        """The picture as the model reads it; the bars are 0 there, which is the mean of all pictures."""
        height, width = picture.shape[:2]
        scale = self._side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        square = torch.zeros(3, self._side, self._side)
        left, top = (self._side - size[0]) // 2, (self._side - size[1]) // 2
        value = (_levels(_whole(picture, size)) - self._mean) / self._spread
        square[:, top : top + size[1], left : left + size[0]] = value
        return square

    def _asked(self, values: Tensor) -> Tensor:
        if hasattr(self._model, "get_image_features"):
            found = self._model.get_image_features(pixel_values=values)
            return found if isinstance(found, Tensor) else found.pooler_output
        output = self._model(pixel_values=values)
        if (projected := getattr(output, "image_embeds", None)) is not None:
            return torch.as_tensor(projected)
        states: Tensor = output.last_hidden_state
        if states.ndim != 3:
            raise ValueError(
                "what it gives is a map and no row of vectors, of which the first is the picture's"
            )
        return states[:, 0]


class _Faces:
    """ArcFace through insightface: the largest face of a picture. `folder` is a pack of its models, already there."""

    def __init__(self, folder: Path) -> None:
        from insightface.app import FaceAnalysis

        # It looks for ROOT/models/NAME, and would download what is not there.
        self._app: Any = FaceAnalysis(
            name=folder.name,
            root=str(folder.parent.parent),
            allowed_modules=["detection", "recognition"],
            providers=["CPUExecutionProvider"],
        )
        self._app.prepare(ctx_id=-1, det_size=(640, 640))

    def points(self, pictures: Sequence[Frame]) -> Tensor:
        found = []
        for picture in pictures:
            faces = self._app.get(np.ascontiguousarray(picture[:, :, ::-1]))  # it reads BGR
            if faces:
                largest = max(faces, key=lambda f: (f.bbox[2] - f.bbox[0]) * (f.bbox[3] - f.bbox[1]))
                found.append(torch.from_numpy(np.asarray(largest.normed_embedding, np.float32)))
        return torch.stack(found) if found else torch.zeros(0, 512)


def _batches(values: Tensor) -> list[Tensor]:
    return [values[at : at + _BATCH] for at in range(0, len(values), _BATCH)]


def _side(said: Any) -> int | None:
    """The side of the square that a preprocessor's configuration names, in any of the ways that they do."""
    if isinstance(said, int):
        return said
    if isinstance(said, dict):
        side = said.get("height") or said.get("shortest_edge")
        return int(side) if side else None
    return None


def _whole(picture: Frame, size: tuple[int, int]) -> Frame:
    """The picture at `size` (width, height), nothing cut off."""
    image = Image.fromarray(picture)
    return np.asarray(image if image.size == size else image.resize(size, Image.Resampling.BICUBIC), np.uint8)


def _levels(picture: Frame) -> Tensor:
    """[3, height, width], 0 to 1."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
