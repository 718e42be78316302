"""`plate`: the picture of a still, a card or the credits, drawn; of footage, what was found out about it."""

from __future__ import annotations

from fractions import Fraction

from filmforge.steps.work import Work


def run(work: Work) -> None:
    """Output `main`: lossless frames at the film's size and rate; for footage, its description as JSON."""
    from filmforge.editing import plates

    params = work.params
    if params["of"] == "clip":
        _describe(work)
        return
    width, height = params["size"]
    size, fps, count = (width, height), Fraction(params["fps"]), params["count"]
    out = work.out("main", ".mkv")
    if params["of"] == "still":
        plates.still(out, work.inputs["still"], size=size, fps=fps, count=count, move=params["move"])
    elif params["of"] == "card":
        plates.card(
            out,
            text=params["text"],
            text_size=params["text_size"],
            color=params["color"],
            background=params["background"],
            size=size,
            fps=fps,
            count=count,
        )
    else:
        plates.credits(out, params["text"], text_size=params["text_size"], size=size, fps=fps, count=count)


def _describe(work: Work) -> None:
    from filmforge.editing.probe import probe

    media = probe(work.inputs["clip"])
    work.out("main", ".json").write_text(media.to_json(), encoding="utf-8")
