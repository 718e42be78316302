"""The table of what runs again as a plain model: what each step of a small film is made from, written down by hand.

Nothing here asks the planner. A step is known by what it is made from, said in the film's own terms. It runs when
nothing was made from just that before; what follows from it counts by what came out, not by how.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

FPS, POCKET_FPS = 24, 8
OVERLAP, LINE = 6, 12


@dataclass(frozen=True)
class Shot:
    """One shot of the small film. `seed` None: drawn from its name; `start`: the id of an earlier made shot."""

    id: str
    kind: str  # prompt, title, still
    words: str
    who: bool = False
    seed: int | None = 1
    takes: bool = False
    pick: int = 1
    lasts: int = 48
    trim: int = 0
    start: str | None = None
    join: str | None = None
    says: str | None = None
    styled: bool = False


@dataclass(frozen=True)
class Film:
    """A small film: one scene, one model, one character with photos, one style with a grade."""

    shots: tuple[Shot, ...]
    seed: int = 1
    size: str = "64x36"
    steps: int = 3
    place: str = "cliff"
    storm: str = "rain"
    looks: str = "red"
    training: int = 9
    gain: int = -10
    loudness: int = -16
    quality: int = 20
    captions: str = "file"
    title: str = "Film"
    contents: dict[str, int] = field(default_factory=lambda: {"photo": 0, "still": 0, "grade": 0, "sound": 0})


Step = tuple[str, Any]
"""The kind of a step, and what it is made from."""


def steps_of(film: Film) -> list[Step]:
    """Every step of the film in an order in which each can be made; twins stand here twice."""
    return list(_Steps(film))


class _Steps:
    def __init__(self, film: Film) -> None:
        self.film = film
        self.shots = {shot.id: shot for shot in film.shots}

    def __iter__(self) -> Iterator[Step]:
        film = self.film
        if any(shot.kind == "prompt" and shot.who for shot in film.shots):
            yield ("lora", self.lora())
        for shot in film.shots:
            if shot.kind == "prompt":
                if shot.start:
                    yield ("frame", self.frame(shot))
                for seed in self.seeds(shot):
                    yield ("render", self.render(shot, seed))
            else:
                yield ("plate", self.plate(shot))
        placed = self.placed()
        yield ("mix", (placed[-1][2], film.gain, film.loudness, film.contents["sound"]))
        pieces = list(self.pieces(placed))
        for piece in pieces:
            yield ("segment", piece)
        said = tuple((shot.says, at) for shot, at, _ in placed if shot.says and film.captions == "file")
        mix = (placed[-1][2], film.gain, film.loudness, film.contents["sound"])
        yield ("cut", (tuple(pieces), mix, said, placed[-1][2]))

    def seeds(self, shot: Shot) -> tuple[Any, ...]:
        if shot.takes:
            return (1, 2)
        return (shot.seed,) if shot.seed is not None else (("drawn", self.film.seed, shot.id),)

    def picked(self, shot: Shot) -> Any:
        return shot.pick if shot.takes else self.seeds(shot)[0]

    def lora(self) -> Any:
        return (self.film.looks, self.film.contents["photo"], self.film.training)

    def lora_came_out(self) -> Any:
        """The training's length makes no difference to what this LoRA becomes: see `CoarseExecutor`."""
        return self.lora()[:2]

    def frame(self, shot: Shot) -> Any:
        assert shot.start is not None
        other = self.shots[shot.start]
        return (self.render(other, self.picked(other)), other.lasts - 1)

    def frame_came_out(self, shot: Shot) -> Any:
        """A frame shows the first word of the prompt it was rendered from, and nothing else of it."""
        assert shot.start is not None
        return self.shots[shot.start].words.split()[0]

    def render(self, shot: Shot, seed: Any) -> Any:
        film = self.film
        needed = (shot.lasts - 1) * POCKET_FPS // FPS + 1
        legal = next(n for n in range(needed, needed + 4) if n % 4 == 1)
        who = (film.looks, self.lora_came_out()) if shot.who else None
        start = self.frame_came_out(shot) if shot.start else None
        storm = film.storm if shot.styled else None
        return (shot.words, who, film.place, storm, film.steps, legal, seed, start)

    def plate(self, shot: Shot) -> Any:
        made = self.film.contents["still"] if shot.kind == "still" else shot.words
        return (shot.kind, made, self.film.size)

    def picture(self, shot: Shot) -> Any:
        return self.render(shot, self.picked(shot)) if shot.kind == "prompt" else self.plate(shot)

    def placed(self) -> list[tuple[Shot, int, int]]:
        """Each shot, and its first and last frame in the film."""
        placed: list[tuple[Shot, int, int]] = []
        for shot in self.film.shots:
            at = placed[-1][2] if placed else 0
            if placed and shot.join == "dissolve":
                at -= OVERLAP
            placed.append((shot, at, at + shot.lasts - shot.trim))
        return placed

    def pieces(self, placed: list[tuple[Shot, int, int]]) -> Iterator[Any]:
        film = self.film
        look = (film.size, film.quality)
        for index, (shot, first, last) in enumerate(placed):
            after = placed[index + 1][0] if index + 1 < len(placed) else None
            head = OVERLAP if index and shot.join == "dissolve" else 0
            tail = OVERLAP if after and after.join == "dissolve" else 0
            line = shot.says if film.captions == "burn" else None
            if head:
                before, was_first, was_last = placed[index - 1]
                from_before = (self.shown(before), before.trim + was_last - was_first - OVERLAP)
                yield ("join", look, from_before, (self.shown(shot), shot.trim), line and (line, 0, OVERLAP))
            fades = (
                12 if not index and shot.join == "fade" else 6 if shot.join == "fade" else 0,
                6 if after and after.join == "fade" else 0,
            )
            burnt = line and (line, 0, LINE - head)
            yield (
                "piece",
                look,
                self.shown(shot),
                shot.trim + head,
                last - first - head - tail,
                fades,
                burnt,
            )

    def shown(self, shot: Shot) -> Any:
        grade = self.film.contents["grade"] if shot.styled and shot.kind != "title" else None
        return (self.picture(shot), grade, shot.kind == "prompt")


def mended(film: Film) -> Film:
    """The film without what an edit elsewhere made an error: starts from shots that are gone, a first shot's overlap."""
    known = {shot.id for shot in film.shots if shot.kind == "prompt"}
    shots = [
        replace(s, start=s.start if s.start in known and s.kind == "prompt" else None) for s in film.shots
    ]
    if shots[0].join == "dissolve":
        shots[0] = replace(shots[0], join=None)
    return replace(film, shots=tuple(shots))
