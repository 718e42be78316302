"""The FFmpeg filters that bring any picture to the film's size and colours; made of numbers and our words only."""

from __future__ import annotations

from fractions import Fraction

from filmforge.editing.codecs import Size
from filmforge.editing.pictures import Fit, RawFormat

_SCALER = "lanczos+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"

_TURNS = {90: ["transpose=cclock"], 180: ["hflip", "vflip"], 270: ["transpose=clock"]}

# From this enlargement on, the scaler's softness shows; a mild unsharp on the luma gives edges back without halos.
_SHARPEN_FROM = 2.0


def conform_filters(layout: RawFormat, size: Size, fit: Fit) -> list[str]:
    """Filters from the source's layout to yuv444p, BT.709, video range, at `size`."""
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
    chain += ["format=yuv444p", "setsar=1"]
    chain.append("setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709")
    if scaled[0] >= _SHARPEN_FROM * width:
        chain.append("unsharp=luma_msize_x=5:luma_msize_y=5:luma_amount=0.5:chroma_amount=0")
    if crop is not None:
        chain.append(f"crop={size[0]}:{size[1]}:{crop[0]}:{crop[1]}:exact=1")
    if bars is not None:
        chain.append(f"pad={size[0]}:{size[1]}:{bars[0]}:{bars[1]}:black")
    return chain


def placed(
    source: tuple[Fraction, Fraction], size: Size, fit: Fit
) -> tuple[Size, tuple[int, int] | None, tuple[int, int] | None]:
    """(scaled size, where to crop, where to put between bars) for a picture of `source` square pixels in `size`."""
    ratios = size[0] / source[0], size[1] / source[1]
    ratio = max(ratios) if fit == "fill" else min(ratios)
    scaled = max(1, round(source[0] * ratio)), max(1, round(source[1] * ratio))
    if fit == "fill":
        scaled = max(scaled[0], size[0]), max(scaled[1], size[1])
        over = (scaled[0] - size[0]) // 2, (scaled[1] - size[1]) // 2
        return scaled, (over if scaled != size else None), None
    scaled = min(scaled[0], size[0]), min(scaled[1], size[1])
    left = (size[0] - scaled[0]) // 2, (size[1] - scaled[1]) // 2
    return scaled, None, (left if scaled != size else None)


def grade_filters(kind: str) -> list[str]:
    """Filters that apply grade.cube, a `kind` of '3d' or '1d', to BT.709 video and give the same back."""
    lut = "lut3d=file=grade.cube:interp=tetrahedral" if kind == "3d" else "lut1d=file=grade.cube:interp=linear"
    exact = "flags=accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
    return [
        f"scale={exact}:in_color_matrix=bt709:in_range=tv",
        "format=gbrp",
        lut,
        f"scale={exact}:out_color_matrix=bt709:out_range=tv",
        "format=yuv444p",
    ]


def _tone_map(layout: RawFormat) -> list[str]:
    """HDR (PQ or HLG) to BT.709: linear light, reference white at 203 nits (ITU-R BT.2408), a filmic shoulder."""
    source = f"min={layout.matrix.replace('bt2020nc', '2020_ncl')}:tin={layout.transfer}:pin=2020:rin="
    source += "full" if layout.full_range else "limited"
    return [
        f"zscale={source}:t=linear:npl=203",
        "format=gbrpf32le",
        "zscale=p=709",
        "tonemap=tonemap=hable:desat=0",
        "zscale=t=709:m=709:r=limited",
        "format=yuv444p",
    ]


def _sws(matrix: str) -> str:
    return {"bt2020nc": "bt2020"}.get(matrix, matrix)
