"""Running FFmpeg: what it says when it fails, and that none of it outlives us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from filmforge.editing.ffmpeg import consume, transform
from filmforge.errors import MediaError

RAW = ["-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "4x4", "-r", "24", "-i", "pipe:0"]


class TestConsume:
    def test_says_what_failed(self, tmp_path: Path) -> None:
        """A failure is one sentence that names the work and the cause."""
        with pytest.raises(MediaError, match=r"the shot: FFmpeg failed: .*nosuch") as failed:
            consume([*RAW, "-vf", "nosuch", "-f", "null", "-"], [bytes(16)], folder=tmp_path, what="the shot")
        assert "\n" not in str(failed.value)
        assert list(tmp_path.iterdir()) == []

    def test_passes_on_what_the_source_raises(self, tmp_path: Path) -> None:
        """An error of the frames' source is raised as it is, and FFmpeg ends."""

        def frames() -> Iterator[bytes]:
            yield bytes(16)
            raise MediaError("clip.mp4: is cut short")

        with pytest.raises(MediaError, match="is cut short"):
            consume([*RAW, "-f", "null", "-"], frames(), folder=tmp_path, what="the shot")
        assert not [child for child in psutil.Process().children() if "ffmpeg" in child.name()]


class TestTransform:
    def test_gives_piece_after_piece(self, tmp_path: Path) -> None:
        """Frames come out one by one, as many as went in."""
        arguments = [*RAW, "-vf", "negate", "-f", "rawvideo", "pipe:1"]
        pieces = list(
            transform(arguments, [bytes([n]) * 16 for n in range(9)], size=16, folder=tmp_path, what="x")
        )
        assert pieces == [bytes([255 - n]) * 16 for n in range(9)]

    def test_can_be_left_early(self, tmp_path: Path) -> None:
        """Whoever stops reading leaves no process and no thread behind."""
        endless = iter(lambda: bytes(16), None)
        pieces = transform([*RAW, "-f", "rawvideo", "pipe:1"], endless, size=16, folder=tmp_path, what="x")
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        assert not [child for child in psutil.Process().children() if "ffmpeg" in child.name()]


class TestTheEnd:
    def test_ffmpeg_ends_with_us(self, tmp_path: Path) -> None:
        """Killed outright, we take FFmpeg with us: its input ends."""
        script = (
            "import time; from pathlib import Path; from filmforge.editing.ffmpeg import consume\n"
            "def slow():\n"
            "    while True:\n"
            "        yield bytes(16); time.sleep(0.05)\n"
            f"consume({[*RAW, '-f', 'null', '-']!r}, slow(), folder=Path({str(tmp_path)!r}), what='x')"
        )
        parent = subprocess.Popen([sys.executable, "-c", script])
        try:
            children: list[psutil.Process] = []
            deadline = time.monotonic() + 30
            while not children and time.monotonic() < deadline:
                time.sleep(0.05)
                children = psutil.Process(parent.pid).children()
            assert children
        finally:
            os.kill(parent.pid, signal.SIGKILL)
            parent.wait()
        gone, alive = psutil.wait_procs(children, timeout=30)
        assert gone
        assert not alive
