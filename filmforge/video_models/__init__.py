"""Families of video models: their facts, their weights, and rendering with them.

`facts`, `family`, `weights`, `lora_file` and `tensors` (its headers) import nothing heavy; `load_family` imports
torch and diffusers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from filmforge.errors import FilmforgeError
from filmforge.video_models import quantizing
from filmforge.video_models.family import Facts
from filmforge.video_models.weights import Weights

if TYPE_CHECKING:
    from filmforge.video_models.memory import MemoryPlan
    from filmforge.video_models.model import VideoModel

__all__ = ["load_family"]


def load_family(
    facts: Facts,
    weights: Weights,
    *,
    precision: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    memory: MemoryPlan | None = None,
) -> VideoModel:
    """A model of the family, ready to encode, sample and decode; its parts are read as they are needed.

    `precision` is the family's own when None, `device` the machine's accelerator or processor, `threads` the
    number of physical cores; `memory` says which parts wait elsewhere, none when None. FilmforgeError when the
    family or the precision cannot be carried out; WeightsError when the weights are not here or are those of
    another model.
    """
    precision = precision or facts.precision
    if not facts.renders:
        raise FilmforgeError(facts.unfinished)
    if wrong := quantizing.missing(facts.id, precision):
        raise FilmforgeError(wrong)
    if not facts.model:
        raise FilmforgeError(f"{facts.id} has no model to load")
    folder = weights.required()
    # Before any module that imports the libraries: some of their settings are read once, at import.
    from filmforge.video_models import runtime  # noqa: F401

    module, _, name = facts.model.partition(":")
    try:
        kind: Any = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise FilmforgeError(f"{facts.id}: its model {facts.model} cannot be imported: {error}") from error
    model: VideoModel = kind(
        facts, weights, folder, precision=precision, device=device, threads=threads, memory=memory
    )
    return model
