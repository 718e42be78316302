"""Where every frame of the film comes from: shots, overlaps, captions and sounds, in whole frames.

Pure arithmetic on the film as declared and on the lengths of its media; nothing here is rendered or read.
Frames count at the film's rate; samples at 48 kHz are computed from absolute frames, so that no rounding adds up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from filmforge.language.film import Film, Line, Scene, Shot, Sound
from filmforge.language.reading import Path
from filmforge.planning.captions import Caption, paged, reading_frames, shortest_frames

SAMPLE_RATE = 48_000

Length = Callable[[str], Fraction]
"""The duration in seconds of a media file named by its path in the film."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A shot in the cut, and its path in the film.

    `picture` is how many frames the shot's picture has as declared, `first` the frame of it where the trimmed
    shot begins, `count` how many it shows before overlaps, `at` where it begins in the film. The next four are
    frames given up to a join's own segment, or darkened by a fade, at the head and at the tail.
    """

    scene: Scene
    shot: Shot
    picture: int
    first: int
    count: int
    at: int
    where: Path
    overlap_head: int = 0
    overlap_tail: int = 0
    fade_head: int = 0
    fade_tail: int = 0

    @property
    def name(self) -> str:
        return f"{self.scene.id}/{self.shot.id}"

    @property
    def end(self) -> int:
        return self.at + self.count


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound in the mix, and where the film asks for it.

    `at`, `length`, `fade_in`, `fade_out`, `offset` in samples; `length` None is all of it.
    """

    path: str
    where: Path
    role: Literal["music", "speech", "effect", "production"]
    at: int
    length: int | None
    offset: int = 0
    gain: float = 0.0
    duck: float = 0.0
    fade_in: int = 0
    fade_out: int = 0


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole film: placed shots in order, its length in frames (credits included), captions and sounds."""

    shots: tuple[Placed, ...]
    picture: int
    frames: int
    captions: tuple[Caption, ...]
    sounds: tuple[Heard, ...]


def samples(frames: int, fps: Fraction) -> int:
    """The sample at which frame `frames` begins, rounded half up."""
    return int(Fraction(frames * SAMPLE_RATE) / fps + Fraction(1, 2))


def frames_of(seconds: Fraction, fps: Fraction) -> int:
    """How many whole frames of the film lie within `seconds`."""
    return int(seconds * fps)


def picture_frames(shot: Shot, fps: Fraction, length: Length) -> int:
    """The frames of a shot's picture before `trim`: as declared, or, of footage, as many as the file holds."""
    if shot.kind == "clip":
        assert shot.clip is not None
        held = frames_of(length(shot.clip), fps)
        return held if shot.lasts is None else min(held, shot.lasts)
    assert shot.lasts is not None
    return shot.lasts


def lay_out(film: Film, length: Length) -> Timeline:
    """Place every shot, caption and sound of the film. `length` gives the duration of a media file in seconds."""
    placed: list[Placed] = []
    at = 0
    for where, scene, shot in film.placed_shots():
        picture = picture_frames(shot, film.fps, length)
        trim = shot.trim
        first = trim.from_ if trim else 0
        last = trim.to if trim and trim.to is not None else picture
        count = max(1, min(last, picture) - first)
        here = Placed(scene, shot, picture, first, count, at, where)
        join = shot.join
        if join is not None and placed:
            before = placed[-1]
            overlap = join.dissolve or join.wipe or 0
            if overlap:
                here = replace(here, at=at - overlap, overlap_head=overlap)
                placed[-1] = replace(before, overlap_tail=overlap)
            elif join.fade:
                here = replace(here, fade_head=join.fade - join.fade // 2)
                placed[-1] = replace(before, fade_tail=join.fade // 2)
        elif join is not None and join.fade:
            here = replace(here, fade_head=join.fade)  # the film's first shot comes out of the dark
        placed.append(here)
        at = here.end
    frames = at + (film.credits.roll if film.credits else 0)
    return Timeline(
        tuple(placed), at, frames, _captions(film, placed, length), _sounds(film, placed, frames, length)
    )


def _captions(film: Film, placed: list[Placed], length: Length) -> tuple[Caption, ...]:
    said = [
        Caption(line.text, first, first + _on_screen(line, film.fps, length))
        for here in placed
        for line in here.shot.says.values()
        for first in (here.at + line.at,)
    ]
    return paged(said, placed[-1].end if placed else 0, film.fps)


def _on_screen(line: Line, fps: Fraction, length: Length) -> int:
    """How many frames a line is on screen if nothing follows it: as declared, as long as it is heard, or is read."""
    if line.lasts is not None:
        return line.lasts
    if line.audio is None:
        return reading_frames(line.text, fps)
    return max(shortest_frames(fps), math.ceil(length(line.audio) * fps))


def _sounds(film: Film, placed: list[Placed], frames: int, length: Length) -> tuple[Heard, ...]:
    fps = film.fps
    heard: list[Heard] = []

    def music(where: Path, sound: Sound, first: int, last: int) -> None:
        begin, end = samples(first + sound.at, fps), samples(last, fps)
        if end > begin:
            fade_in, fade_out = samples(sound.fade_in, fps), samples(sound.fade_out, fps)
            levels = (sound.gain, sound.duck, fade_in, fade_out)
            heard.append(Heard(sound.file, (*where, "file"), "music", begin, end - begin, 0, *levels))

    if film.music:
        music(("music",), film.music, 0, frames)
    for index, scene in enumerate(film.scenes):
        if scene.music and (inside := [p for p in placed if p.scene.id == scene.id]):
            music(("scenes", index, "music"), scene.music, inside[0].at, inside[-1].end)
    for here in placed:
        sound, where = here.shot.sound, (*here.where, "sound")
        if here.shot.kind == "clip" and sound == "keep":
            assert here.shot.clip is not None
            begin, end = samples(here.at, fps), samples(here.end, fps)
            offset = samples(here.first, fps)
            heard.append(Heard(here.shot.clip, where, "production", begin, end - begin, offset))
        elif isinstance(sound, Sound):
            start, end = samples(here.at + sound.at, fps), samples(here.end, fps)
            fade_in, fade_out = samples(sound.fade_in, fps), samples(sound.fade_out, fps)
            levels = (sound.gain, sound.duck, fade_in, fade_out)
            heard.append(Heard(sound.file, (*where, "file"), "effect", start, end - start, 0, *levels))
        for who, line in here.shot.says.items():
            if line.audio:
                begin, spoken = samples(here.at + line.at, fps), (*here.where, "says", who, "audio")
                heard.append(Heard(line.audio, spoken, "speech", begin, None, 0, line.gain))
    return tuple(heard)
