"""`base`: a take without its characters' LoRAs, at the same seed: what likeness is counted from."""

from __future__ import annotations

from filmforge.steps import render
from filmforge.steps.work import Work


def run(work: Work) -> None:
    """Output `main`: the frames, lossless, as a render has them."""
    render.run(work)
