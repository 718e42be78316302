"""Fixtures that write footage and renders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.editing.media import FILM, SIZE, numbered


@pytest.fixture
def footage(tmp_path: Path) -> Callable[..., Path]:
    """Writes footage as a camera might have; `pts` are in milliseconds when given."""

    def make(
        name: str = "clip.mp4",
        frames: NDArray[np.uint8] | None = None,
        *,
        codec: str = "libx264",
        pixels: str = "yuv420p",
        fps: Fraction = FILM,
        pts: Sequence[int] | None = None,
        aspect: Fraction | None = None,
        tone: float = 0.0,
        sound_codec: str = "aac",
        options: dict[str, str] | None = None,
        tags: dict[str, int] | None = None,
    ) -> Path:
        path = tmp_path / name
        pictures = numbered(24) if frames is None else frames
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(codec, rate=fps, options=options or {})
            stream.height, stream.width = pictures.shape[1:3]
            stream.pix_fmt = pixels
            stream.codec_context.time_base = Fraction(1, 1000) if pts is not None else 1 / fps
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            for key, value in (tags or {}).items():
                setattr(stream.codec_context, key, value)
            sound: Any = container.add_stream(sound_codec, rate=48000, layout="stereo") if tone else None
            for n, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(
                    picture, format="rgb24" if picture.shape[2] == 3 else "rgba"
                )
                frame.pts = n if pts is None else pts[n]
                frame.time_base = stream.codec_context.time_base
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            if sound is not None:
                samples = round(len(pictures) / fps * 48000)
                wave = (0.3 * np.sin(np.arange(samples) * 2 * np.pi * tone / 48000)).astype(np.float32)
                for at in range(0, samples, 1024):
                    part = np.ascontiguousarray(np.stack([wave[at : at + 1024]] * 2))
                    block = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
                    block.sample_rate, block.pts, block.time_base = 48000, at, Fraction(1, 48000)
                    container.mux(sound.encode(block))
                container.mux(sound.encode(None))
        return path

    return make


@pytest.fixture
def render(tmp_path: Path) -> Callable[..., Path]:
    """Writes lossless frames as a model's render."""
    from filmforge.editing.frames import write_frames

    def make(name: str, count: int, fps: Fraction, size: tuple[int, int] = SIZE, first: int = 0) -> Path:
        path = tmp_path / name
        write_frames(path, numbered(count, size, first), fps)
        return path

    return make
