"""A whole cut with real FFmpeg: footage, a still, cards, a dissolve, a fade, grades, sound, burnt captions, credits."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

import filmforge
from tests.media import write_clip, write_photo, write_sound

FILM = """\
filmforge: 1
size: 128x72
model: animatic
styles: {storm: {lut: storm.cube}}
style: storm
scenes:
  - id: one
    music: {file: theme.wav, gain: -20, fade_in: 6f, fade_out: 6f}
    shots:
      - {id: drawn, prompt: a fox walks, lasts: 1s}
      - {id: gull, clip: gull.mp4, trim: {from: 0.5s, to: 1.5s}, sound: keep, join: {dissolve: 6f}}
      - {id: letter, still: letter.png, lasts: 1s, move: push in, join: {wipe: 6f}, sound: {file: line.wav, gain: -6}}
      - {id: end, title: {text: THE END, size: 20}, lasts: 1s, join: {fade: 12f},
         says: {narrator: {text: Goodbye., audio: line.wav, at: 6f}}}
music: {file: theme.wav, gain: -16, duck: -10}
credits: {text: credits.txt, roll: 1s}
captions: both
deliver:
  main: {file: out/film.mp4}
  master: {file: out/film.mov, codec: prores}
"""

FRAMES = 24 + 24 - 6 + 24 - 6 + 24 + 24


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film's folder, built."""
    folder = tmp_path_factory.mktemp("cut")
    write_clip(folder / "gull.mp4", frames=60, fps=Fraction(30000, 1001), size=(96, 54), sound=True)
    write_photo(folder / "letter.png", (230, 220, 190), (300, 200))
    write_sound(folder / "theme.wav", 2.0)
    write_sound(folder / "line.wav", 0.5, 220)
    rows = [f"{r} {g} {b * 0.9}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    (folder / "storm.cube").write_text("LUT_3D_SIZE 2\n" + "\n".join(rows) + "\n")
    (folder / "credits.txt").write_text("# The End\nA film: by nobody\n")
    (folder / "film.yaml").write_text(FILM, encoding="utf-8")
    result = filmforge.build(filmforge.load(folder / "film.yaml"))
    assert result.ok, result.done
    return folder


@pytest.mark.slow
class TestCut:
    @pytest.mark.parametrize("name", ["film.mp4", "film.mov"])
    def test_exact_lengths(self, film: Path, name: str) -> None:
        """Picture has exactly the frames that the film adds up to, and sound is as long to a frame."""
        import av

        with av.open(str(film / "out" / name)) as container:
            video, audio = container.streams.video[0], container.streams.audio[0]
            frames = sum(1 for packet in container.demux(video) if packet.size)
            seconds = float(audio.duration * audio.time_base)
        assert frames == FRAMES
        assert abs(seconds - FRAMES / 24) <= 1 / 24
        assert audio.codec_context.sample_rate == 48_000

    @pytest.mark.parametrize("name", ["film.mp4", "film.mov"])
    def test_plays_without_a_warning(self, film: Path, name: str) -> None:
        """FFmpeg decodes the whole of it and has nothing to say."""
        import imageio_ffmpeg

        command = [
            imageio_ffmpeg.get_ffmpeg_exe(),
            "-v",
            "warning",
            "-i",
            str(film / "out" / name),
            "-f",
            "null",
            "-",
        ]
        ended = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")

    def test_delivered_as_declared(self, film: Path) -> None:
        """H.264, 4:2:0, tagged BT.709, ready to be streamed; captions beside it."""
        import av

        with av.open(str(film / "out/film.mp4")) as container:
            context = container.streams.video[0].codec_context
            assert (context.name, context.pix_fmt, context.width, context.height) == (
                "h264",
                "yuv420p",
                128,
                72,
            )
            assert (int(context.color_primaries), int(context.color_trc), int(context.colorspace)) == (
                1,
                1,
                1,
            )
        head = (film / "out/film.mp4").read_bytes()[:4096]
        assert b"moov" in head, "the index stands in front, so that a browser can start at once"
        assert "Goodbye." in (film / "out/film.srt").read_text(encoding="utf-8")

    def test_nothing_the_second_time(self, film: Path) -> None:
        """Built again, nothing runs."""
        assert filmforge.build(filmforge.load(film / "film.yaml")).done.ran == {}
