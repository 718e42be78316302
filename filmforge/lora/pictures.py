"""Photos and short clips, read as what a family trains on: upright, RGB, cropped to a legal size."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np

from filmforge.errors import MediaError
from filmforge.photos.reading import opened
from filmforge.video_models.facts import Facts, LoraFacts
from filmforge.video_models.sampling import Frame, cover

_WINDOWS = 4
"""A long clip gives at most this many training clips, spread over it."""


def read_clips(path: Path, facts: Facts, training: LoraFacts) -> list[Frame]:
    """The training clips of a photo (one, of one frame) or of a film clip: each [frames, height, width, 3].

    A clip is sampled at the family's own rate, the only one at which it knows how fast things move.
    MediaError for what is neither.
    """
    image = opened(path)
    if image is None:
        return _film_clips(path, facts, training)
    picture = np.asarray(image)
    size = bucket((picture.shape[1], picture.shape[0]), facts, training)
    return [np.asarray(cover(picture, size))[np.newaxis]]


def bucket(picture: tuple[int, int], facts: Facts, training: LoraFacts) -> tuple[int, int]:
    """The size (width, height) to train a picture at: its own shape, at most the family's training area.

    Nothing is scaled up, unless the picture is smaller than one unit of the family's sizes. A family without
    buckets has one size.
    """
    if not training.buckets:
        return training.size
    unit = facts.size_multiple
    width, height = picture
    scale = min(1.0, math.sqrt(training.size[0] * training.size[1] / (width * height)))
    # A hair more, so that a side that is a whole number of units does not lose one to rounding.
    sides = (max(unit, int(side * scale / unit + 1e-9) * unit) for side in (width, height))
    found = tuple(sides)
    return found[0], found[1]


def _film_clips(path: Path, facts: Facts, training: LoraFacts) -> list[Frame]:
    frames = _at_rate(path, facts.fps, _WINDOWS * training.frames)
    length = max(
        (n for n in range(1, min(len(frames), training.frames) + 1) if facts.is_legal_length(n)), default=0
    )
    if length == 0:
        raise MediaError(f"{path}: neither a picture nor a clip with frames in it")
    size = bucket((frames[0].shape[1], frames[0].shape[0]), facts, training)
    windows = [frames[at : at + length] for at in range(0, len(frames) - length + 1, length)][:_WINDOWS]
    return [np.stack([np.asarray(cover(frame, size)) for frame in window]) for window in windows]


def frames_of_clip(path: Path, fps: Fraction = Fraction(2), limit: int = 40) -> list[Frame]:
    """Frames of a short clip, `fps` a second. MediaError for what is none."""
    frames = _at_rate(path, fps, limit)
    if not frames:
        raise MediaError(f"{path}: neither a picture nor a clip with frames in it")
    return frames


def _at_rate(path: Path, fps: Fraction, limit: int) -> list[Frame]:
    """The first `limit` frames shown at the moments n / fps."""
    import av

    frames: list[Frame] = []
    try:
        # Files only: a playlist must not reach out to other files or to a network.
        with av.open(str(path.resolve()), options={"protocol_whitelist": "file"}) as container:
            stream = next(iter(container.streams.video), None)
            if stream is None:
                raise MediaError(f"{path}: neither a picture nor a clip with pictures in it")
            first: Fraction | None = None
            for frame in container.decode(stream):
                if frame.pts is None or frame.time_base is None:
                    continue
                moment = Fraction(frame.pts) * frame.time_base
                first = moment if first is None else first
                while len(frames) < limit and moment - first >= Fraction(len(frames)) / fps:
                    frames.append(np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8))
                if len(frames) == limit:
                    break
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: neither a picture nor a clip that can be read: {error}") from error
    return frames
