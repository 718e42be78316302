"""Footage for which there is no memory is never taken for damaged footage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from filmforge.editing.frames import write_frames
from filmforge.editing.sound import decode_sound
from tests.editing.media import FILM
from tests.media import write_clip

LARGE = (2560, 1440)
FRAMES = 4

# What a program has mapped when it begins differs from machine to machine: the limit counts from there.
_CHILD = f"""\
import resource
import sys
from fractions import Fraction
from pathlib import Path

from filmforge.building.out_of_memory import ran_out
from filmforge.editing.frames import read_frames
from filmforge.editing.pictures import ConformedFrames, Picture
from filmforge.editing.probe import probe
from filmforge.errors import MediaError

path, room = Path(sys.argv[2]), int(sys.argv[3])
mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
if room:
    resource.setrlimit(resource.RLIMIT_AS, (mapped + room, mapped + room))
try:
    if sys.argv[1] == "probe":
        print(probe(path).frames)
    elif sys.argv[1] == "read":
        print(len({{frame.tobytes() for frame in read_frames(path)}}))
    else:
        footage = Picture(path, Fraction(24), {FRAMES})
        print(len({{raw for raw in ConformedFrames(footage, {FRAMES}, Fraction(24), {LARGE})}}))
except MediaError as error:
    print("short" if ran_out(error) else "other", error)
except (MemoryError, OSError) as error:
    print("short" if ran_out(error) else error)
"""


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """H.264 whose frames take 5.5 MB each, every one of another brightness."""
    path = tmp_path_factory.mktemp("footage") / "large.mp4"
    write_clip(path, FRAMES, FILM, LARGE)
    return path


@pytest.fixture(scope="module")
def lossless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own frames, of noise, so that each takes 12 MB in its packet too."""
    path = tmp_path_factory.mktemp("ours") / "render.mkv"
    noise = np.random.default_rng(0).integers(0, 255, (FRAMES, LARGE[1], LARGE[0], 3), dtype=np.uint8)
    write_frames(path, noise // np.arange(1, FRAMES + 1, dtype=np.uint8)[:, None, None, None], FILM)
    return path


def child(what: str, footage: Path, room: int) -> str:
    """What a process of its own says of the footage, with `room` bytes of memory more than it began with; 0 is all."""
    command = [sys.executable, "-c", _CHILD, what, str(footage), str(room)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory")
class TestLimited:
    def test_with_memory(self, footage: Path) -> None:
        """The footage is sound: all its frames decode."""
        assert child("decode", footage, 0) == str(FRAMES)

    @pytest.mark.parametrize("megabytes", [8, 16, 32, 48, 64, 68, 72, 76, 80, 88, 96])
    def test_decoding(self, footage: Path, megabytes: int) -> None:
        """All frames, or a failure that is known to be of memory: never fewer frames, never a word of damage."""
        said = child("decode", footage, megabytes << 20)
        assert said == str(FRAMES) or said.startswith("short")
        assert "export it again" not in said

    @pytest.mark.parametrize("what", ["read", "decode"])
    @pytest.mark.parametrize("megabytes", [8, 44, 68, 92, 116, 128, 176, 224])
    def test_of_ours(self, lossless: Path, what: str, megabytes: int) -> None:
        """Lossless frames likewise, in whichever way they are read: all of them as they are, or short of memory."""
        said = child(what, lossless, megabytes << 20)
        assert said == str(FRAMES) or said.startswith("short")

    def test_in_words(self, footage: Path) -> None:
        """The message says that memory is short, of which file, and what to do."""
        said = child("probe", footage, 24 << 20)
        assert (
            said
            == f"short {footage}: there is not enough memory to decode it; free some, or build with fewer --jobs"
        )


def test_damage_stays_damage(tmp_path: Path) -> None:
    """With memory enough, a sound that is cut off in the middle is still heard up to there."""
    clip = tmp_path / "cut.mp4"
    write_clip(tmp_path / "whole.mp4", 48, FILM, sound=True)
    data = bytearray((tmp_path / "whole.mp4").read_bytes())
    media = data.index(b"mdat") + 4
    middle = (media + len(data)) // 2
    data[middle : middle + 400] = bytes(400)
    clip.write_bytes(data)
    assert len(decode_sound(clip, tmp_path / "raw")) > 0
