"""Sound decoded in step with its picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from filmforge.editing.sound import decode_sound


def clip(path: Path, video_from: int, sound_from: int, hole: int = 0) -> Path:
    """Footage whose picture and sound begin at these times (ms), with a click 200 ms into the sound."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 36, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        sound: Any = container.add_stream("pcm_s16le", rate=48000, layout="mono")
        for n in range(25):
            frame = av.VideoFrame.from_ndarray(np.zeros((36, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = video_from + 40 * n, Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        wave = np.zeros(24_000, np.int16)
        wave[9_600] = 16_384
        for at in range(0, len(wave), 480):
            block = av.AudioFrame.from_ndarray(wave[None, at : at + 480], format="s16", layout="mono")
            late = hole if at >= 4_800 else 0
            block.sample_rate, block.time_base = 48_000, Fraction(1, 48_000)
            block.pts = at + (sound_from + late) * 48
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    return path


class TestDecodeSound:
    @pytest.mark.parametrize(
        ("video_from", "sound_from", "hole", "expected"),
        [(0, 0, 0, 200), (0, 120, 0, 320), (120, 0, 0, 80), (0, 0, 300, 500), (1400, 1400, 0, 200)],
    )
    def test_is_in_step_with_the_picture(
        self, tmp_path: Path, video_from: int, sound_from: int, hole: int, expected: int
    ) -> None:
        """Sample 0 is the first frame's moment, whoever began first; a hole in the recording stays one."""
        path = clip(tmp_path / "a.mkv", video_from, sound_from, hole)
        samples = decode_sound(path, tmp_path / "raw")
        click = int(np.argmax(np.abs(samples[:, 0])))
        assert abs(click - expected * 48) <= 1
        assert samples[click] == pytest.approx([0.5, 0.5], abs=1e-3)

    def test_stops_at_the_limit(self, tmp_path: Path) -> None:
        """No more is decoded than was asked for."""
        assert decode_sound(clip(tmp_path / "a.mkv", 0, 0), tmp_path / "raw", 1000).shape == (1000, 2)
