"""`segment`: one closed piece of the cut, conformed, graded, captioned and encoded; or the overlap of two shots."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from filmforge.editing.captions import Caption
from filmforge.editing.pictures import Picture
from filmforge.steps.work import Work


def run(work: Work) -> None:
    """Output `main`: exactly `count` frames in the delivered codec, ready to be joined by stream copy."""
    from filmforge.editing.codecs import codec_named
    from filmforge.editing.segment import Fade, encode_segment

    params = work.params
    width, height = params["size"]
    out = work.out("main", codec_named(params["codec"]).suffix)
    common: dict[str, Any] = {
        "count": params["count"],
        "size": (width, height),
        "fps": Fraction(params["fps"]),
        "codec": params["codec"],
        "quality": params["quality"],
        "captions": [Caption(text, first, last) for text, first, last in params["captions"]],
        "on_frame": lambda done, total: work.progress(done, total, "encoding"),
    }
    if "join" in params:
        from filmforge.editing.joins import encode_join

        encode_join(
            out,
            _picture(work, "picture", params["picture"]),
            _picture(work, "next", params["next"]),
            kind=params["join"],
            grade_a=work.inputs.get("picture.grade"),
            grade_b=work.inputs.get("next.grade"),
            **common,
        )
        return
    head, tail = params["fade"]
    encode_segment(
        out,
        _picture(work, "picture", params["picture"]),
        grade=work.inputs.get("picture.grade"),
        fade=Fade(head, tail) if head or tail else None,
        **common,
    )


def _picture(work: Work, role: str, shown: Mapping[str, Any]) -> Picture:
    from filmforge.editing.probe import probe

    path = work.inputs[role]
    media = probe(path)
    native = media.fps if shown["footage"] and media.fps else Fraction(shown["native"])
    return Picture(path, native, media.frames or 1, shown["first"], shown["fit"])
