"""`frame`: one frame of another shot's picture, which the next shot starts from."""

from __future__ import annotations

from fractions import Fraction

from filmforge.steps.work import Work


def run(work: Work) -> None:
    """Output `main`: the frame as PNG, at the picture's own size."""
    from filmforge.editing.conform import source_index
    from filmforge.editing.frames import count_frames, frame_png

    params = work.params
    index = source_index(params["frame"], Fraction(params["fps"]), Fraction(params["native"]))
    last = count_frames(work.inputs["picture"]) - 1  # a drawn card has one frame, that stands for all
    frame_png(work.inputs["picture"], min(index, last), work.out("main", ".png"))
