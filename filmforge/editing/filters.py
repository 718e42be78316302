"""The FFmpeg filters that bring any picture to the film's size and colours; only numbers and our words."""

from __future__ import annotations

from fractions import Fraction

from filmforge.editing.codecs import Size
from filmforge.editing.grade import NAME
from filmforge.editing.pictures import Fit, RawFormat

_EXACT = "accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
_SCALER = f"lanczos+{_EXACT}"

_TURNS = {90: ["transpose=cclock"], 180: ["hflip", "vflip"], 270: ["transpose=clock"]}

_TAGS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"


def conform_filters(layout: RawFormat, size: Size, fit: Fit, pixels: str) -> list[str]:
    """Filters from the source's layout to `pixels` (a YUV format), BT.709, video range, at `size`."""
    chain = [*_TURNS.get(layout.rotation, [])]
    width, height = layout.width * layout.aspect, Fraction(layout.height)
    if layout.rotation % 180 == 90:
        width, height = height, width
    scaled, crop, bars = placed((width, height), size, fit)
    tone_mapped = layout.transfer != "bt709"
    if tone_mapped:
        chain += _tone_map(layout)
    meaning = ""
    if not tone_mapped and layout.matrix != "gbr":
        meaning = f":in_color_matrix={_sws(layout.matrix)}:in_range={'pc' if layout.full_range else 'tv'}"
    chain.append(
        f"scale=w={scaled[0]}:h={scaled[1]}:flags={_SCALER}{meaning}:out_color_matrix=bt709:out_range=tv"
    )
    chain += [f"format={pixels}", "setsar=1", _TAGS]
    if crop is not None:
        chain.append(f"crop={size[0]}:{size[1]}:{crop[0]}:{crop[1]}:exact=1")
    if bars is not None:
        chain.append(f"pad={size[0]}:{size[1]}:{bars[0]}:{bars[1]}:black")
    return chain


def placed(
    source: tuple[Fraction, Fraction], size: Size, fit: Fit
) -> tuple[Size, tuple[int, int] | None, tuple[int, int] | None]:
    """(scaled size, where to crop, where to put between bars) for `source` square pixels in `size`."""
    ratios = size[0] / source[0], size[1] / source[1]
    ratio = max(ratios) if fit == "fill" else min(ratios)
    scaled = max(1, round(source[0] * ratio)), max(1, round(source[1] * ratio))
    # Whole pairs of pixels everywhere: in the encoder's formats two neighbours share a colour.
    scaled = 2 * (-(-scaled[0] // 2)), 2 * (-(-scaled[1] // 2))
    if fit == "fill":
        scaled = max(scaled[0], size[0]), max(scaled[1], size[1])
        over = (scaled[0] - size[0]) // 4 * 2, (scaled[1] - size[1]) // 4 * 2
        return scaled, (over if scaled != size else None), None
    scaled = min(scaled[0], size[0]), min(scaled[1], size[1])
    left = (size[0] - scaled[0]) // 4 * 2, (size[1] - scaled[1]) // 4 * 2
    return scaled, None, (left if scaled != size else None)


def rgb_filters(pixels: str) -> list[str]:
    """Filters from RGB frames at the film's size to `pixels`, BT.709, video range."""
    return [
        f"scale=flags={_EXACT}:out_color_matrix=bt709:out_range=tv",
        f"format={pixels}",
        "setsar=1",
        _TAGS,
    ]


def to_rgb_filters() -> list[str]:
    """Filters from BT.709 video at the film's size to rgb24."""
    return [f"scale=flags={_EXACT}:in_color_matrix=bt709:in_range=tv", "format=rgb24"]


def grade_filters(kind: str, pixels: str) -> list[str]:
    """Filters that apply grade.cube, a table of `kind` 3d or 1d, to BT.709 video and give `pixels` back."""
    lut = f"lut3d=file={NAME}:interp=tetrahedral" if kind == "3d" else f"lut1d=file={NAME}:interp=linear"
    deep = "gbrp10le" if pixels.endswith("10le") else "gbrp"
    return [
        f"scale=flags={_EXACT}:in_color_matrix=bt709:in_range=tv",
        f"format={deep}",
        lut,
        *rgb_filters(pixels),
    ]


def _tone_map(layout: RawFormat) -> list[str]:
    """HDR (PQ or HLG) to BT.709: linear light, white at 203 nits (ITU-R BT.2408), a filmic shoulder."""
    source = f"range={'pc' if layout.full_range else 'tv'}:colorspace={layout.matrix}"
    source += f":color_trc={layout.transfer}:color_primaries=bt2020"
    return [
        f"setparams={source}",
        "zscale=t=linear:npl=203",
        "format=gbrpf32le",
        "zscale=p=709",
        "tonemap=tonemap=hable:desat=0",
        "zscale=t=709:m=709:r=limited",
        "format=yuv444p",
    ]


def _sws(matrix: str) -> str:
    return {"bt2020nc": "bt2020"}.get(matrix, matrix)
