"""How like a picture is to a character: from 0, as the model draws it without the LoRA, to 1, as its photos are.

Pictures are compared as vectors of length 1 that an embedder gives (`embedders.py`). The nearness of a picture to an
album is its cosine to the album's mean, as DreamBooth's DINO score compares a subject (Ruiz et al. 2023, arXiv
2208.12242, section 4). A cosine says little by itself: what is near for one embedder is far for another. So it is
placed between two others: that of the base at the same seed, and that of each photo to the rest of its album.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from filmforge.errors import LoraError

LEAST_ROOM = 0.02
"""Nearness between base and photos under which there is no scale to speak of: it is not stretched any further."""
FEWEST_PHOTOS = 2
"""With one photo alone there is nothing to tell how alike photos of the character are."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What was measured: `likeness` from 0 to 1, and the three mean cosines that it comes from."""

    likeness: float
    nearness: float
    base: float
    photos: float


def nearness(points: Tensor, album: Tensor) -> float:
    """The mean cosine of `points` [N, D] to the mean of `album` [K, D]; 0 where there are none to compare.

    An embedder of faces gives no vector for a picture without one.
    """
    if not len(points):
        return 0.0
    centre = functional.normalize(album.mean(0), dim=0)
    return float((points @ centre).mean())


def nearness_within(album: Tensor) -> float:
    """The mean cosine of each of `album` [K, D] to the mean of the others. LoraError where there are too few."""
    if len(album) < FEWEST_PHOTOS:
        raise LoraError(
            f"{len(album)} of the photos can be compared, and likeness needs {FEWEST_PHOTOS}: give more photos "
            "(an embedder of faces only knows photos in which it finds one)"
        )
    others = functional.normalize((album.sum(0) - album) / (len(album) - 1), dim=1)
    return float((album * others).sum(1).mean())


def measure(take: Tensor, base: Tensor, album: Tensor) -> Likeness:
    """How like the frames of a take [N, D] are to an album [K, D], with the base's frames [M, D] as the zero line."""
    ceiling, near, floor = nearness_within(album), nearness(take, album), nearness(base, album)
    value = min(1.0, max(0.0, placed(near, floor, ceiling)))
    return Likeness(*(round(number, 4) for number in (value, near, floor, ceiling)))


def placed(near: float, floor: float, ceiling: float) -> float:
    """Where `near` stands on the line from what is without the LoRA (0) to what the photos are (1)."""
    return 1 - (ceiling - near) / max(ceiling - floor, LEAST_ROOM)


def looked_at(count: int, most: int) -> list[int]:
    """Which of `count` frames are looked at: at most `most`, spread evenly, none at the very ends where it can be."""
    wanted = min(count, most)
    return [(2 * n + 1) * count // (2 * wanted) for n in range(wanted)]
