"""What is wrong with photos as far as numbers can tell: blurred, tiny, the same twice, the same background.

Whether others are in a photo is not judged: that takes a detector, and a guess would be wrong as often as right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from filmforge.photos.reading import LOOKED_AT, Photo, Picture
from filmforge.video_models.family import LoraFacts

What = Literal["blurred", "tiny", "near-duplicate", "no caption", "same background", "same caption"]
NOT_JUDGED = "whether others are in the pictures too: that takes a detector, so look at the sheet"

BLURRED = 0.55
"""The blur (0 sharp, 1 none) of a photo's sharpest parts past which it counts as blurred.

Measured on fifteen free photos (scikit-image's) and on drawn ones: sharp 0.09 to 0.30, sharp in the middle
third alone up to 0.48, blurred by a Gaussian of 3 pixels at the size looked at 0.61 to 0.80.
"""
_WINDOW = 9
_TILES = 8
_SHARPEST = 0.1
_STRUCTURE = 1.5
"""The mean step from pixel to pixel, of 255, under which a tile has nothing in it that could be sharp."""
_TINY = 0.5
"""The share of the area trained at under which a photo is tiny."""
ALIKE = 8
"""The most bits, of 63, in which the hashes of near-duplicates differ. Re-encoded, brighter, or cropped by a
twentieth: up to 8; other photos of one character in one place: 10 and more."""
_ENOUGH = 4
"""Fewer photos than this have little chance of varying."""
_MOST = 0.8
"""The share of photos that must have one background before that is said."""
_SAME_GROUND = 14.0
"""The mean difference of two photos' edges, of 255, up to which they show one background."""

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a photo or with all of them, in a word and in words."""

    what: What
    words: str

    def to_json(self) -> dict[str, str]:
        return {"what": self.what, "words": self.words}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with each photo, by its name, and with all of them together."""

    each: Mapping[str, tuple[Fault, ...]]
    together: tuple[Fault, ...]

    def in_short(self) -> list[str]:
        """One line for each kind of fault, with the photos that have it."""
        kinds: dict[What, list[str]] = {}
        for name, faults in self.each.items():
            for fault in faults:
                kinds.setdefault(fault.what, []).append(name)
        said = [f"{_few(names)}: {what}" for what, names in kinds.items()]
        return said + [fault.words for fault in self.together]


def judge(
    photos: Sequence[Photo], training: Mapping[str, LoraFacts], *, captions: Sequence[str] | None = None
) -> Judgement:
    """What is wrong with `photos`, for models trained as `training` says, by the models' names.

    `captions` are the words that they are trained with; without them, what is written beside them counts, and a
    photo without words is named.
    """
    each: dict[str, list[Fault]] = {photo.name: [] for photo in photos}
    for photo in photos:
        found = each[photo.name]
        blur = blur_of(photo.picture)
        if blur is not None and blur > BLURRED:
            found.append(Fault("blurred", f"blurred: soft even where it is sharpest ({blur:.2f} of 1)"))
        found += _tiny(photo, training)
        if captions is None and photo.caption is None:
            found.append(Fault("no caption", "no caption"))
    hashes = {photo.name: (hash_of(photo.picture), hash_of(photo.picture[:, ::-1])) for photo in photos}
    for number, photo in enumerate(photos):
        each[photo.name] += _seen_before(photo.name, [before.name for before in photos[:number]], hashes)
    together = [*_same_ground(photos), *_same_caption(photos, captions)]
    return Judgement({name: tuple(faults) for name, faults in each.items()}, tuple(together))


def blur_of(picture: Picture) -> float | None:
    """How blurred a picture is where it is sharpest: 0 not at all, 1 wholly; None where nothing in it has edges.

    The measure: how much of the variation from pixel to pixel is left when the picture is blurred once more
    (Crete et al. 2007, "The blur effect", https://doi.org/10.1117/12.702790), by tile, the tenth that is sharpest:
    a portrait before a soft background is no blurred photo. Noise passes for sharpness.
    """
    grey = _grey(picture, LOOKED_AT)
    if min(grey.shape) < 2 * _TILES:
        return None
    sharp: list[_Numbers] = []
    structure = np.zeros((_TILES, _TILES))
    for axis in (0, 1):
        steps, lost = (_tiled(part) for part in _variation(grey, axis))
        structure += steps
        sharp.append(np.divide(lost, steps, out=np.zeros_like(lost), where=steps > 0))
    counted = structure > _STRUCTURE
    if np.count_nonzero(counted) < 3:
        return None
    blurs = 1 - np.minimum(*sharp)[counted]
    return float(np.quantile(blurs, _SHARPEST))


def hash_of(picture: Picture) -> NDArray[np.bool_]:
    """63 bits that a picture keeps when it is scaled, re-encoded or lightened: the signs of its coarse waves.

    The lowest 8 by 8 frequencies of a cosine transform of 32 by 32 grey pixels, but for the mean, each above or
    below their median (Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions").
    """
    side, kept = 32, 8
    grey = np.asarray(
        Image.fromarray(picture).convert("L").resize((side, side), Image.Resampling.LANCZOS), np.float64
    )
    waves = np.cos(np.pi * np.outer(np.arange(kept), 2 * np.arange(side) + 1) / (2 * side))
    coarse = (waves @ grey @ waves.T).ravel()[1:]
    return np.asarray(coarse > np.median(coarse))


def _seen_before(
    name: str, before: Sequence[str], hashes: Mapping[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]
) -> list[Fault]:
    """Whether a photo is one of those `before` it once more; `hashes` are of each photo and of its mirror image."""
    for other in before:
        straight, mirrored = (np.count_nonzero(side != hashes[other][0]) for side in hashes[name])
        if min(straight, mirrored) <= ALIKE:
            how = "nearly the same as" if straight <= mirrored else "nearly the mirror image of"
            return [Fault("near-duplicate", f"{how} {other}")]
    return []


def _tiny(photo: Photo, training: Mapping[str, LoraFacts]) -> list[Fault]:
    width, height = photo.size
    for name, facts in training.items():
        wide, high = facts.size
        share = width * height / (wide * high)
        if not facts.buckets:  # the photo has to cover the one size there is
            share = min(share, min(width / wide, height / high) ** 2)
        if share < _TINY:
            return [Fault("tiny", f"tiny: {width}x{height}, and '{name}' is trained at {wide}x{high}")]
    return []


def _same_ground(photos: Sequence[Photo]) -> list[Fault]:
    if len(photos) < _ENOUGH:
        return []
    edges = [_edges(photo.picture) for photo in photos]
    like = [sum(float(np.abs(one - other).mean()) <= _SAME_GROUND for other in edges) for one in edges]
    most = max(like)
    if most < max(_ENOUGH, math.ceil(_MOST * len(photos))):
        return []
    count = "all photos" if most == len(photos) else f"{most} of {len(photos)} photos"
    words = f"{count} have the same background, as far as their edges tell: it is learned with the character"
    return [Fault("same background", words)]


def _same_caption(photos: Sequence[Photo], captions: Sequence[str] | None) -> list[Fault]:
    said = [photo.caption for photo in photos] if captions is None else list(captions)
    if len(said) < _ENOUGH or None in said or len(set(said)) > 1:
        return []
    words = "all photos have the same caption: what is in it besides the character is learned with it"
    return [Fault("same caption", words)]


def _edges(picture: Picture) -> _Numbers:
    """The colours along the left, upper and right edges, where the subject seldom is: [12, 3], of 255."""
    small = np.asarray(Image.fromarray(picture).resize((32, 32), Image.Resampling.BOX), np.float64)
    strips = (small[:, :3].transpose(1, 0, 2), small[:3], small[:, -3:].transpose(1, 0, 2))
    return np.concatenate([strip.mean(axis=0).reshape(4, 8, 3).mean(axis=1) for strip in strips])


def _grey(picture: Picture, longest: int) -> _Numbers:
    image = Image.fromarray(picture).convert("L")
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return np.asarray(image, np.float64)


def _variation(grey: _Numbers, axis: int) -> tuple[_Numbers, _Numbers]:
    """The steps from pixel to pixel along an axis, and how much of each a further blur takes away."""
    half = _WINDOW // 2
    padded = np.pad(grey, [(half, half) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=axis)
    steps = np.abs(np.diff(grey, axis=axis))
    return steps, np.maximum(0.0, steps - np.abs(np.diff(windows.mean(axis=-1), axis=axis)))


def _tiled(values: _Numbers) -> _Numbers:
    """The means of 8 by 8 tiles of a picture."""
    rows: list[Any] = np.array_split(values, _TILES, axis=0)
    return np.array([[tile.mean() for tile in np.array_split(row, _TILES, axis=1)] for row in rows])


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
