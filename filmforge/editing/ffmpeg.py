"""Runs the FFmpeg that imageio-ffmpeg ships; every child reads its input from a pipe of ours.

Because the pipe closes when this process ends, however it ends, no FFmpeg outlives it: what a killed build
leaves behind is a temporary file. No file name or text of a user's ever reaches FFmpeg: footage is decoded by
PyAV (`pictures.py`, `sound.py`) and text is drawn by Pillow (`text.py`), so an argument list holds only what
we wrote.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO

from filmforge.errors import MediaError

THREADS = 4
"""Fixed, because x264's output depends on it: the same input gives the same bytes on any number of cores."""

_COMMON = (
    "-hide_banner",
    "-nostats",
    "-y",
    "-filter_threads",
    str(THREADS),
    "-protocol_whitelist",
    "file,pipe",
)

Chunk = bytes | bytearray | memoryview
"""What is piped: the bytes of one frame, or of one block of samples."""


@lru_cache(maxsize=1)
def executable() -> str:
    """The path of the FFmpeg binary. Raises MediaError when the platform's wheel ships none."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as reason:
        raise MediaError(
            f"no FFmpeg was found: {reason}; reinstall with 'pip install --force-reinstall imageio-ffmpeg'"
        ) from None


def consume(arguments: Sequence[str], chunks: Iterable[Chunk], *, folder: Path, what: str) -> str:
    """Run FFmpeg in `folder` with `chunks` on its standard input, and return what it said on standard error.

    `arguments` follow the common options. Raises MediaError naming `what` when FFmpeg fails.
    """
    with _child(arguments, folder, what, stdout=subprocess.DEVNULL) as (child, said):
        pipe = child.stdin
        assert pipe is not None
        try:
            for chunk in chunks:
                pipe.write(chunk)
            pipe.close()
        except BrokenPipeError:
            pass  # FFmpeg ended early: it has all it wants, or its exit status says what went wrong
        _finish(child, said, what)
        return _text(said)


def transform(
    arguments: Sequence[str], chunks: Iterable[Chunk], *, size: int, folder: Path, what: str
) -> Iterator[bytes]:
    """Run FFmpeg in `folder` as a filter: `chunks` go in, pieces of `size` bytes come out, lazily.

    Raises MediaError naming `what` when FFmpeg fails; what `chunks` raises is raised here.
    """
    with _child(arguments, folder, what, stdout=subprocess.PIPE) as (child, said):
        feeder = _Feeder(child.stdin, chunks)
        feeder.start()
        assert child.stdout is not None
        try:
            while len(piece := child.stdout.read(size)) == size:
                yield piece
        finally:
            # Whoever stops reading early must not leave the feeder blocked on a full pipe.
            if child.poll() is None and not feeder.done:
                child.kill()
            feeder.join()
        if feeder.failure is not None:
            raise feeder.failure
        _finish(child, said, what)


class _Feeder(threading.Thread):
    """Writes chunks to a pipe beside the reader of FFmpeg's output, and keeps what went wrong."""

    def __init__(self, pipe: IO[bytes] | None, chunks: Iterable[Chunk]) -> None:
        super().__init__(name="filmforge-feeder", daemon=True)
        self.failure: BaseException | None = None
        self.done = False
        self._pipe, self._chunks = pipe, chunks

    def run(self) -> None:
        assert self._pipe is not None
        try:
            for chunk in self._chunks:
                self._pipe.write(chunk)
        except BrokenPipeError:
            pass
        except BaseException as failure:  # handed to the reading thread, which raises it
            self.failure = failure
        finally:
            self.done = True
            with suppress(BrokenPipeError):
                self._pipe.close()


@contextmanager
def _child(
    arguments: Sequence[str], folder: Path, what: str, *, stdout: int
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    with tempfile.TemporaryFile(dir=folder) as said:
        try:
            child = subprocess.Popen(
                [executable(), *_COMMON, *arguments],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=said,
                bufsize=-1 if stdout == subprocess.PIPE else 0,
                process_group=0,  # Ctrl-C is ours to act upon: FFmpeg must not finish a half-fed file
            )
        except OSError as reason:
            raise MediaError(f"{what}: FFmpeg could not be started: {reason}") from None
        try:
            yield child, said
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None and not pipe.closed:
                    with suppress(BrokenPipeError):
                        pipe.close()


def _finish(child: subprocess.Popen[bytes], said: IO[bytes], what: str) -> None:
    status = child.wait()
    if status == 0:
        return
    lines = [line.strip() for line in _text(said).splitlines() if line.strip()]
    if any("No space left on device" in line for line in lines):
        raise MediaError(f"{what}: no space left on the device; free some, then build again")
    cause = f"ended by signal {-status}" if status < 0 else "; ".join(lines[:2]) or f"exit status {status}"
    raise MediaError(f"{what}: FFmpeg failed: {cause[-400:]}")


def _text(said: IO[bytes]) -> str:
    said.seek(0, os.SEEK_END)
    said.seek(max(0, said.tell() - 65536))
    return said.read().decode("utf-8", "replace")
