"""A captioning model that one names, from a folder on this machine: what it sees in a photo, in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from filmforge.errors import WeightsError
from filmforge.photos.captioning import Describe
from filmforge.photos.reading import read_photo

KINDS = ("blip", "git")
"""The kinds of model that caption a picture without being asked a question."""
_MOST_TOKENS = 60


def load_captioner(folder: Path) -> Describe:
    """The model in `folder` as a function from a photo to a sentence; the same photo gives the same sentence.

    Read with transformers, from safetensors alone and without code from the folder. WeightsError for a folder
    that holds no such model.
    """
    _check(folder)
    import torch
    import transformers
    from PIL import Image

    from filmforge.video_models import runtime

    try:
        processor = transformers.AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            folder, local_files_only=True, trust_remote_code=False
        )
        model: Any = transformers.AutoModelForImageTextToText.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise WeightsError(f"{folder} cannot be loaded as a captioning model: {first}") from error
    model = model.requires_grad_(False).to(runtime.best_device())
    model.eval()

    def describe(path: Path) -> str:
        picture = Image.fromarray(read_photo(path).picture)
        given = processor(images=picture, return_tensors="pt").to(model.device)
        with runtime.determined(runtime.physical_cores()), torch.no_grad():
            ids = model.generate(
                pixel_values=given["pixel_values"], max_new_tokens=_MOST_TOKENS, do_sample=False, num_beams=1
            )
        said: str = processor.batch_decode(ids, skip_special_tokens=True)[0]
        return " ".join(said.split())

    return describe


def _check(folder: Path) -> None:
    """WeightsError unless the folder says that it is a captioning model, and has its weights as safetensors."""
    if not folder.is_dir():
        raise WeightsError(
            f"--captioner {folder}: there is no such folder; download a captioning model, such as "
            "Salesforce/blip-image-captioning-base, and name its folder"
        )
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        raise WeightsError(
            f"--captioner {folder}: it has no config.json that says what model it is"
        ) from None
    if kind not in KINDS:
        raise WeightsError(
            f"--captioner {folder}: a model of the kind '{kind}'; captions are made with {' and '.join(KINDS)}"
        )
    if not list(folder.glob("*.safetensors")):
        raise WeightsError(
            f"--captioner {folder}: it has no weights as safetensors, and nothing else is read"
        )
