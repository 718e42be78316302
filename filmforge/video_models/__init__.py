"""Families of video models: their facts, their weights, and rendering with them.

`facts`, `weights`, `lora_file` and `tensors` (its headers) import nothing heavy; `load_family` imports
torch and diffusers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmforge.errors import FilmforgeError
from filmforge.video_models.facts import UNQUANTIZED, Facts
from filmforge.video_models.weights import Weights

if TYPE_CHECKING:
    from filmforge.video_models.wan import WanModel

__all__ = ["load_family"]

_WAN_TI2V = {"pocket", "wan2.2-ti2v-5b"}


def load_family(
    facts: Facts,
    weights: Weights,
    *,
    precision: str | None = None,
    device: str | None = None,
    threads: int | None = None,
) -> WanModel:
    """A model of the family, ready to encode, sample and decode; its parts are read as they are needed.

    `precision` is the family's own when None, `device` the machine's accelerator or processor, `threads` the
    number of physical cores. FilmforgeError when the family or the precision is not carried out yet;
    WeightsError when the weights are not here or are those of another model.
    """
    precision = precision or facts.precision
    if not facts.renders:
        raise FilmforgeError(facts.unfinished)
    if precision not in UNQUANTIZED:
        raise FilmforgeError(
            f"precision {precision}: quantized weights are not carried out yet; "
            f"declare one of {', '.join(UNQUANTIZED)} for {facts.id}"
        )
    if facts.id not in _WAN_TI2V:
        raise FilmforgeError(f"{facts.id} has no model to load")
    folder = weights.required()
    # Before any module that imports the libraries: some of their settings are read once, at import.
    from filmforge.video_models import runtime  # noqa: F401
    from filmforge.video_models.wan import WanModel

    return WanModel(facts, weights, folder, precision=precision, device=device, threads=threads)
