"""Small pictures, clips and sounds for tests, made as they are needed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path


def write_photo(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (48, 32)) -> None:
    """A photo with a coloured patch on grey."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, (128, 128, 128))
    image.paste(colour, (size[0] // 4, size[1] // 4, 3 * size[0] // 4, 3 * size[1] // 4))
    image.save(path)


def write_sound(path: Path, seconds: float, hertz: float = 440.0, rate: int = 48_000) -> None:
    """A stereo sine of -12 dB."""
    import numpy as np
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    wave = 0.25 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, np.stack([wave, wave], axis=1), rate)


def write_clip(
    path: Path, frames: int, fps: int | Fraction, size: tuple[int, int] = (64, 36), sound: bool = False
) -> None:
    """H.264 footage in which frame n has a brightness of its own; with a tone if `sound`."""
    import av
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(fps))
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio = container.add_stream("aac", rate=48_000, layout="stereo") if sound else None
        for n in range(frames):
            picture = np.full((size[1], size[0], 3), (n * 5) % 256, np.uint8)
            for packet in video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in video.encode():
            container.mux(packet)
        if audio is not None:
            samples = round(frames * 48_000 / float(fps))
            wave = (0.25 * np.sin(np.arange(samples) / 17)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
            frame.sample_rate = 48_000
            for packet in (*audio.encode(frame), *audio.encode()):
                container.mux(packet)
