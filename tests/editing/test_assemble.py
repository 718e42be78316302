"""The delivered file: identical to its segments to the bit, exact in time, clean to every reader."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from filmforge.editing.assemble import frame_count, join
from filmforge.editing.pictures import Picture
from filmforge.editing.segment import encode_segment
from filmforge.errors import MediaError
from tests.editing.media import FILM, SIZE, complaints, raw_planes

RATES = [FILM, Fraction(24000, 1001), Fraction(30000, 1001)]


def mix_of(path: Path, samples: int) -> Path:
    """A mix of noise, so that a shift of one sample would be heard."""
    noise = np.random.default_rng(3).normal(0, 0.1, (samples, 2))
    soundfile.write(path, noise, 48000, subtype="PCM_24")
    return path


@pytest.fixture
def segments(tmp_path: Path, render: Callable[..., Path]) -> Callable[..., list[Path]]:
    """Encodes segments of the given lengths."""

    def make(lengths: list[int], fps: Fraction, codec: str = "h264", **settings: Any) -> list[Path]:
        made = []
        source = render("source.mkv", 41, fps)
        for n, count in enumerate(lengths):
            made.append(tmp_path / f"seg{n}{'.mp4' if codec == 'h264' else '.mov'}")
            picture = Picture(source, fps, 41, first=n)
            encode_segment(made[-1], picture, count=count, size=SIZE, fps=fps, codec=codec, **settings)
        return made

    return make


class TestJoin:
    @pytest.mark.parametrize("fps", RATES)
    @pytest.mark.parametrize("codec", ["h264", "prores"])
    def test_decodes_like_its_segments(
        self, tmp_path: Path, segments: Callable[..., list[Path]], fps: Fraction, codec: str
    ) -> None:
        """Joined, segments of one and two frames show the same bits as alone, each frame on time."""
        parts = segments([1, 2, 5, 1, 1, 3], fps, codec)
        out = tmp_path / ("film.mp4" if codec == "h264" else "film.mov")
        mix = mix_of(tmp_path / "mix.wav", round(13 / fps * 48000))
        assert join(out, parts, mix, fps=fps, codec=codec, title="A 'film'") == 13
        assert raw_planes(out) == [frame for part in parts for frame in raw_planes(part)]
        with av.open(str(out)) as container:
            video, audio = container.streams.video[0], container.streams.audio[0]
            assert (video.average_rate, video.start_time, video.frames) == (fps, 0, 13)
            assert video.duration * video.time_base == 13 / fps
            assert abs(audio.duration * audio.time_base - 13 / fps) < 1 / fps
            times = [frame.pts * frame.time_base for frame in container.decode(video)]
            assert times == [n / fps for n in range(13)]
            assert container.metadata["title"] == "A 'film'"
        assert complaints(out) == ""
        assert frame_count(out) == 13

    def test_sound_is_where_it_was(self, tmp_path: Path, segments: Callable[..., list[Path]]) -> None:
        """AAC comes out at the sample where it went in, as long as the picture; PCM to the bit."""
        mix = mix_of(tmp_path / "mix.wav", 24 * 2000)
        wanted = soundfile.read(mix, dtype="float32")[0]
        join(tmp_path / "f.mp4", segments([24], FILM), mix, fps=FILM)
        join(tmp_path / "f.mov", segments([24], FILM, "prores"), mix, fps=FILM, codec="prores")
        for name in ("f.mp4", "f.mov"):
            with av.open(str(tmp_path / name)) as container:
                blocks = [np.asarray(f.to_ndarray(), np.float64) for f in container.decode(audio=0)]
            if name == "f.mov":
                got = np.concatenate(blocks, axis=1).reshape(-1, 2) / 2**31
                assert np.abs(got - wanted).max() < 1e-6
                continue
            got = np.concatenate(blocks, axis=1).T
            assert 0 <= len(got) - len(wanted) < 1024  # the encoder's last block; the file's length is exact
            likeness = [float(np.sum(got[lag:40_000, 0] * wanted[: 40_000 - lag, 0])) for lag in range(50)]
            assert int(np.argmax(likeness)) == 0

    def test_same_input_same_bytes(self, tmp_path: Path, segments: Callable[..., list[Path]]) -> None:
        """Two assemblies are one file: no clock, no encoder's name."""
        parts, mix = segments([3, 4], FILM), mix_of(tmp_path / "mix.wav", 7 * 2000)
        for name in ("a.mp4", "b.mp4"):
            join(tmp_path / name, parts, mix, fps=FILM)
        assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
        assert b"Lav" not in (tmp_path / "a.mp4").read_bytes()

    def test_plays_at_once(self, tmp_path: Path, segments: Callable[..., list[Path]]) -> None:
        """The index stands before the pictures."""
        join(tmp_path / "f.mp4", segments([3], FILM), None, fps=FILM)
        film = (tmp_path / "f.mp4").read_bytes()
        assert film.index(b"moov") < film.index(b"mdat")

    def test_pads_sound_that_is_short(self, tmp_path: Path, segments: Callable[..., list[Path]]) -> None:
        """A mix that is too short ends in silence, one that is too long is cut."""
        for samples in (9000, 90000):
            mix = mix_of(tmp_path / "mix.wav", samples)
            join(tmp_path / "f.mov", segments([12], FILM, "prores"), mix, fps=FILM, codec="prores")
            with av.open(str(tmp_path / "f.mov")) as container:
                assert sum(frame.samples for frame in container.decode(audio=0)) == 24000

    def test_refuses_a_segment_of_another_kind(
        self, tmp_path: Path, segments: Callable[..., list[Path]]
    ) -> None:
        """What cannot be joined without damage is named, and the old film stays."""
        part = segments([3], FILM)[0]
        other = tmp_path / "other.mp4"
        encode_segment(other, Picture(tmp_path / "source.mkv", FILM, 41), count=3, size=(96, 54), fps=FILM)
        (tmp_path / "f.mp4").write_bytes(b"old")
        with pytest.raises(MediaError, match=r"other\.mp4"):
            join(tmp_path / "f.mp4", [part, other], None, fps=FILM)
        assert (tmp_path / "f.mp4").read_bytes() == b"old"
        assert not list(tmp_path.glob("*.part"))

    def test_quality_does_not_part_segments(
        self, tmp_path: Path, segments: Callable[..., list[Path]]
    ) -> None:
        """Segments of other quality or content have the same parameter sets."""
        parts = segments([2], FILM, quality=30)
        noisy = tmp_path / "noise.mkv"
        from filmforge.editing.frames import write_frames

        write_frames(noisy, np.random.default_rng(0).integers(0, 256, (30, 36, 64, 3), dtype=np.uint8), FILM)
        encode_segment(
            tmp_path / "n.mp4", Picture(noisy, FILM, 30), count=30, size=SIZE, fps=FILM, quality=12
        )
        assert join(tmp_path / "f.mp4", [*parts, tmp_path / "n.mp4"], None, fps=FILM) == 32
        assert complaints(tmp_path / "f.mp4") == ""

    @pytest.mark.parametrize("content", [b"", b"not a film"])
    def test_refuses_a_damaged_segment(self, tmp_path: Path, content: bytes) -> None:
        """A segment that is no film is named."""
        (tmp_path / "s.mp4").write_bytes(content)
        with pytest.raises(MediaError, match=r"s\.mp4"):
            join(tmp_path / "f.mp4", [tmp_path / "s.mp4"], None, fps=FILM)
