"""What a file is, and why it is refused."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filmforge.editing.probe import Media, glance, probe
from filmforge.errors import MediaError
from tests.editing.media import numbered, tone
from tests.media import write_clip, write_photo, write_sound

NTSC = Fraction(24000, 1001)


class TestProbe:
    @pytest.mark.parametrize(
        ("name", "codec", "pixels"),
        [
            ("a.mp4", "libx264", "yuv420p"),
            ("a.mkv", "libx264", "yuv444p"),
            ("a.mov", "prores_ks", "yuv422p10le"),
            ("a.webm", "libvpx-vp9", "yuv420p"),
            ("a.avi", "mpeg4", "yuv420p"),
            ("a.ts", "libx264", "yuv420p"),
        ],
    )
    @pytest.mark.parametrize("fps", [Fraction(24), NTSC])
    def test_counts_frames_and_finds_the_rate(
        self, footage: Callable[..., Path], name: str, codec: str, pixels: str, fps: Fraction
    ) -> None:
        """Frames and rate are exact in every container, however coarse its clock."""
        media = probe(footage(name, codec=codec, pixels=pixels, fps=fps))
        assert (media.kind, media.frames, media.fps, media.vfr) == ("video", 24, fps, False)
        assert (media.width, media.height, media.has_audio) == (64, 36, False)
        assert media.duration == 24 / fps

    def test_says_when_frames_last_unequally(self, footage: Callable[..., Path]) -> None:
        """A phone's footage, its frames not evenly spaced, is vfr."""
        media = probe(footage("a.mkv", numbered(6), pts=[0, 40, 80, 250, 300, 340]))
        assert media.vfr
        assert media.frames == 6

    def test_finds_sound(self, footage: Callable[..., Path]) -> None:
        """Sound beside a picture is measured."""
        media = probe(footage(tone=440.0))
        assert media.has_audio
        assert (media.sample_rate, media.channels) == (48000, 2)
        assert abs(media.samples - 48000) <= 2048

    def test_reads_sound_alone(self, tmp_path: Path) -> None:
        """A sound file is audio, as long as its samples."""
        media = probe(tone(tmp_path / "a.wav", 0.5, rate=44100))
        assert (media.kind, media.samples, media.sample_rate) == ("audio", 22050, 44100)
        assert media.duration == Fraction(1, 2)

    def test_reads_a_photo(self, tmp_path: Path) -> None:
        """A photo is an image, whatever its name, upright as its camera noted."""
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (30, 20)).save(tmp_path / "a.mp4", format="JPEG", exif=exif)
        media = probe(tmp_path / "a.mp4")
        assert (media.kind, media.width, media.height, media.frames) == ("image", 20, 30, 1)

    def test_squares_pixels(self, footage: Callable[..., Path]) -> None:
        """An anamorphic picture is as wide as it is shown."""
        assert probe(footage("a.mp4", aspect=Fraction(4, 3))).width == 85

    def test_survives_json(self, footage: Callable[..., Path]) -> None:
        """Facts go to JSON and back."""
        media = probe(footage(fps=NTSC))
        assert Media.from_json(media.to_json()) == media


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "what"),
        [
            ("#EXTM3U\n/etc/passwd\n", "m3u playlist"),
            ("\ufeff  #EXTM3U\nhttp://example.org/a.ts", "m3u playlist"),
            ("ffconcat version 1.0\nfile /etc/passwd\n", "concat script"),
            ("file '/etc/passwd'\n", "concat script"),
            ("<?xml version='1.0'?><MPD></MPD>", "XML"),
            ("v=0\no=- 0 0 IN IP4 127.0.0.1\n", "SDP"),
            ("version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"),
            ("INT. LIGHTHOUSE - NIGHT", "not a video or audio file"),
            ("", "empty"),
        ],
    )
    def test_text_is_no_media(self, tmp_path: Path, content: str, what: str) -> None:
        """Playlists, scripts and plain text under a film's name are refused, saying which."""
        path = tmp_path / "clip.mp4"
        path.write_text(content)
        with pytest.raises(MediaError, match=what) as refused:
            probe(path)
        assert str(path) in str(refused.value)
        assert "\n" not in str(refused.value)

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        """A missing file and a folder are told apart."""
        with pytest.raises(MediaError, match="No such file"):
            probe(tmp_path / "none.mp4")
        with pytest.raises(MediaError, match="folder"):
            probe(tmp_path)

    def test_a_film_cut_short(self, tmp_path: Path, footage: Callable[..., Path]) -> None:
        """An MP4 without its index cannot be read, and the message says what to do."""
        whole = footage().read_bytes()
        (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(MediaError, match="export it again"):
            probe(tmp_path / "cut.mp4")

    def test_noise(self, tmp_path: Path) -> None:
        """Random bytes are no film, whatever their magic."""
        noise = np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8).tobytes()
        (tmp_path / "a.mkv").write_bytes(b"\x1aE\xdf\xa3" + noise)
        with pytest.raises(MediaError):
            probe(tmp_path / "a.mkv")

    def test_no_frames(self, tmp_path: Path) -> None:
        """A film with a picture track and no frames in it is refused."""
        import av

        with av.open(str(tmp_path / "a.mkv"), "w") as container:
            stream = container.add_stream("ffv1", rate=24)
            stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
            container.start_encoding()
        with pytest.raises(MediaError, match="export it again"):
            probe(tmp_path / "a.mkv")

    def test_image_sequence_patterns_are_plain_names(self, tmp_path: Path) -> None:
        """A name with %03d in it names one file, not a sequence."""
        Image.new("RGB", (8, 8)).save(tmp_path / "a001.png")
        with pytest.raises(MediaError, match="No such file"):
            probe(tmp_path / "a%03d.png")


class TestGlance:
    """What the beginning of a file tells, without reading it all."""

    def test_kind_and_sound(self, tmp_path: Path) -> None:
        """Of footage with and without sound, a sound, and a picture, as `probe` finds it in the whole file."""
        write_clip(tmp_path / "silent.mp4", 8, 24)
        write_clip(tmp_path / "heard.mp4", 8, 24, sound=True)
        write_sound(tmp_path / "s.wav", 0.2)
        write_photo(tmp_path / "a.png", (200, 0, 0))
        for path in sorted(tmp_path.iterdir()):
            whole = probe(path)
            assert glance(path) == (whole.kind, whole.has_audio)

    def test_cut_off(self, tmp_path: Path) -> None:
        """A file whose index is missing, and one that never was media, are refused by name."""
        write_clip(tmp_path / "whole.mp4", 8, 24)
        (tmp_path / "cut.mp4").write_bytes((tmp_path / "whole.mp4").read_bytes()[:200])
        (tmp_path / "text.mp4").write_bytes(b"hello")
        for name in ("cut.mp4", "text.mp4"):
            with pytest.raises(MediaError, match=name):
                glance(tmp_path / name)
