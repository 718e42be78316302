"""`cut`: the delivered file. Segments joined by stream copy, the mix muxed in, the captions beside it."""

from __future__ import annotations

from fractions import Fraction

from filmforge.steps.work import Work


def run(work: Work) -> None:
    """Outputs `main`, the film, and `captions`, an SRT file, where there are any."""
    from filmforge.editing.assemble import join
    from filmforge.editing.captions import Caption, write_srt
    from filmforge.editing.codecs import codec_named

    params = work.params
    fps = Fraction(params["fps"])
    join(
        work.out("main", codec_named(params["codec"]).suffix),
        work.several("segment."),
        work.inputs.get("mix"),
        fps=fps,
        codec=params["codec"],
    )
    if params["captions"]:
        captions = [Caption(text, first, last) for text, first, last in params["captions"]]
        write_srt(work.out("captions", ".srt"), captions, fps)
