"""Segments: exact counts, exact frames, tags, captions in their windows, and the same bytes every time."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from filmforge.editing.captions import Caption
from filmforge.editing.pictures import Picture
from filmforge.editing.segment import Fade, encode_segment
from filmforge.errors import MediaError
from tests.editing.media import FILM, SIZE, complaints, decoded, number_of

HOSTILE = "it's \"100%\" %{pts}: [in];drawtext=text='x'\\,\n🙂 שלום مرحبا Ѩ \x00\x07\x1b"


def encode(out: Path, picture: Picture, count: int, **changes: Any) -> Path:
    """A segment at the tests' size and rate."""
    settings: dict[str, Any] = {"size": SIZE, "fps": FILM, "quality": 10} | changes
    encode_segment(out, picture, count=count, **settings)
    return out


@pytest.fixture
def picture(render: Callable[..., Path]) -> Picture:
    """A render of 16 frames at 8 fps."""
    return Picture(render("render.mkv", 16, Fraction(8)), Fraction(8), 16)


class TestEncodeSegment:
    @pytest.mark.parametrize("count", [1, 2, 25])
    @pytest.mark.parametrize("fps", [FILM, Fraction(24000, 1001), Fraction(30000, 1001)])
    def test_has_the_frames_it_was_asked_for(
        self, tmp_path: Path, picture: Picture, count: int, fps: Fraction
    ) -> None:
        """So many frames, each the one that is held at that moment."""
        frames = decoded(encode(tmp_path / "s.mp4", picture, count, fps=fps))
        assert [number_of(frame) for frame in frames] == [int(n * 8 / fps) for n in range(count)]

    @pytest.mark.parametrize(
        ("codec", "name", "profile", "pixels"),
        [("h264", "s.mp4", "High", "yuv420p"), ("prores", "s.mov", "HQ", "yuv422p10le")],
    )
    def test_is_what_players_expect(
        self, tmp_path: Path, picture: Picture, codec: str, name: str, profile: str, pixels: str
    ) -> None:
        """Profile, pixel format and BT.709 tags are set, and FFmpeg has nothing against the file."""
        out = encode(tmp_path / name, picture, 9, codec=codec)
        with av.open(str(out)) as container:
            context: Any = container.streams.video[0].codec_context
            assert (context.profile, context.pix_fmt) == (profile, pixels)
            tags = context.color_primaries, context.color_trc, context.colorspace, context.color_range
            assert [int(tag) for tag in tags] == [1, 1, 1, 1]
        assert complaints(out) == ""

    def test_same_input_same_bytes(self, tmp_path: Path, picture: Picture) -> None:
        """Encoding twice gives one file, captions and fades included."""
        settings: dict[str, Any] = {"captions": [Caption("twice", 2, 8)], "fade": Fade(3, 4)}
        first = encode(tmp_path / "a.mp4", picture, 24, **settings)
        second = encode(tmp_path / "b.mp4", picture, 24, **settings)
        assert first.read_bytes() == second.read_bytes()

    def test_leaves_nothing_else(self, tmp_path: Path, picture: Picture) -> None:
        """Beside the segment no temporary file remains, after failure neither."""
        encode(tmp_path / "s.mp4", picture, 3)
        with pytest.raises(MediaError):
            encode(tmp_path / "t.mp4", picture, 99)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["render.mkv", "s.mp4"]

    def test_fades_from_and_to_black(self, tmp_path: Path, picture: Picture) -> None:
        """A fade's frames darken towards the ends; what lies between is untouched."""
        frames = decoded(
            encode(tmp_path / "s.mp4", Picture(picture.path, Fraction(1, 9), 16), 24, fade=Fade(6, 6))
        )
        levels = [float(frame.mean()) for frame in frames]
        assert levels[0] < 2
        assert levels[:7] == sorted(levels[:7])
        assert levels[-7:] == sorted(levels[-7:], reverse=True)
        assert all(abs(level - 20) < 2 for level in levels[6:18])

    @pytest.mark.parametrize("text", ["Hello", HOSTILE, "", "x" * 500])
    def test_shows_captions_in_their_window_only(self, tmp_path: Path, picture: Picture, text: str) -> None:
        """A caption is on exactly its frames, whatever it says."""
        still = Picture(picture.path, Fraction(1, 9), 16)
        size = (320, 180)
        plain = decoded(encode(tmp_path / "a.mp4", still, 12, size=size))
        said = decoded(encode(tmp_path / "b.mp4", still, 12, size=size, captions=[Caption(text, 3, 7)]))
        changed = [n for n in range(12) if np.abs(said[n].astype(int) - plain[n].astype(int)).max() > 100]
        assert changed == ([3, 4, 5, 6] if text.strip() else [])

    def test_captions_are_white(self, tmp_path: Path, picture: Picture) -> None:
        """White is video white after all conversions: not grey, not clipped to illegal values."""
        size = (640, 360)
        said = decoded(encode(tmp_path / "b.mp4", picture, 2, size=size, captions=[Caption("████", 0, 2)]))
        assert said[0].max() >= 250

    def test_fills_and_fits(self, tmp_path: Path, render: Callable[..., Path]) -> None:
        """'fill' leaves no bars, 'fit' shows all between black bars."""
        tall = render("tall.mkv", 1, Fraction(1), (36, 36), 20)
        fill = decoded(encode(tmp_path / "a.mp4", Picture(tall, Fraction(1), 1), 1))[0]
        fit = decoded(encode(tmp_path / "b.mp4", Picture(tall, Fraction(1), 1, fit="fit"), 1))[0]
        assert fill.min() > 100
        assert fit[:, :10].max() < 10
        assert number_of(fit) == 20

    def test_keeps_colours(self, tmp_path: Path) -> None:
        """Saturated colours come out as they went in: the matrix is BT.709 on both sides."""
        from filmforge.editing.frames import write_frames

        colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (220, 220, 40)]
        bars = np.repeat(np.array(colours, np.uint8), 16, axis=0)[None, None].repeat(36, axis=1)
        write_frames(tmp_path / "bars.mkv", bars, FILM)
        out = decoded(encode(tmp_path / "s.mp4", Picture(tmp_path / "bars.mkv", FILM, 1), 1))[0]
        with av.open(str(tmp_path / "s.mp4")) as container:
            frame = next(container.decode(video=0)).reformat(format="rgb24", src_colorspace="ITU709")
            out = np.asarray(frame.to_ndarray())
        for n, colour in enumerate(colours):
            assert np.abs(out[18, 16 * n + 8].astype(int) - colour).max() <= 6

    def test_grades(self, tmp_path: Path, picture: Picture) -> None:
        """A .cube table is applied; its path may hold anything."""
        cube = tmp_path / "it's [a]; look,1:2.cube"
        corners = [f"{1 - r} {1 - g} {1 - b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
        cube.write_text('TITLE "negative"\nLUT_3D_SIZE 2\n' + "\n".join(corners))
        out = decoded(encode(tmp_path / "s.mp4", picture, 1, grade=cube))[0]
        assert abs(float(out.mean()) - 235) < 3

    def test_squares_turns_and_rescales_footage(self, tmp_path: Path, footage: Callable[..., Path]) -> None:
        """Odd sizes and anamorphic pixels come out at the film's size."""
        odd = footage("odd.mkv", np.full((3, 35, 63, 3), 120, np.uint8), codec="ffv1", pixels="yuv444p")
        wide = footage("wide.mp4", aspect=Fraction(4, 3))
        for clip in (odd, wide):
            frames = decoded(encode(tmp_path / f"{clip.stem}.s.mp4", Picture(clip, FILM, 3), 3))
            assert {frame.shape for frame in frames} == {(36, 64, 3)}

    def test_brings_hdr_down(self, tmp_path: Path, footage: Callable[..., Path]) -> None:
        """Ten-bit PQ footage becomes an ordinary picture, neither black nor burnt out."""
        tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9}
        clip = footage("hdr.mkv", codec="ffv1", pixels="yuv420p10le", tags=tags)
        level = float(decoded(encode(tmp_path / "s.mp4", Picture(clip, FILM, 24, first=20), 1))[0].mean())
        assert 20 < level < 235

    def test_refuses_odd_films(self, tmp_path: Path, picture: Picture) -> None:
        """4:2:0 has no odd sizes: a caller's mistake."""
        with pytest.raises(ValueError, match="even"):
            encode(tmp_path / "s.mp4", picture, 1, size=(63, 36))
