"""The seeds of a shot: its own, its takes, or the one drawn from the film's seed and the shot's name."""

from __future__ import annotations

import hashlib

from filmforge.language.film import Film, Scene, Shot


def drawn(film_seed: int, name: str, take: int = 0) -> int:
    """The seed drawn for the shot called `name` (`scene/shot`), from 0 to 2**31 - 1.

    `take` 0 is the shot's own; higher ones are further takes. The same on every machine and in every version.
    """
    text = f"filmforge.seed/1\n{film_seed}\n{name}\n{take}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFF_FFFF


def seeds_of(film: Film, scene: Scene, shot: Shot) -> tuple[int, tuple[int, ...]]:
    """The seed of the take in the cut, and those of every take, of a generated shot.

    The takes are those declared, else the shot's seed, else the one drawn for it. In the cut is the one
    picked, else the shot's seed, else the first.
    """
    own = (
        shot.seed
        if shot.seed is not None
        else None
        if shot.takes
        else drawn(film.seed, f"{scene.id}/{shot.id}")
    )
    takes = shot.takes or ((own,) if own is not None else ())
    picked = shot.pick if shot.pick is not None else own if own is not None else takes[0]
    return picked, takes


def further(seed: int, number: int) -> int:
    """The `number`th further seed (from 1) of a take whose likeness falls short, from 0 to 2**31 - 1.

    Drawn from the take's own seed, so that another name of the shot or another seed of the film changes nothing.
    """
    text = f"filmforge.further/1\n{seed}\n{number}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFF_FFFF


def drawn_seeds(film: Film) -> dict[str, int]:
    """The seeds that were drawn, by the full names of the generated shots that declare none."""
    return {
        f"{scene.id}/{shot.id}": drawn(film.seed, f"{scene.id}/{shot.id}")
        for scene, shot in film.shots()
        if shot.kind == "prompt" and shot.seed is None and not shot.takes
    }
