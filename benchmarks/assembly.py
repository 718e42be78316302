"""How much memory the assembly takes: the same for 200 shots as for 20, or long films would not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

from benchmarks.measuring import Row, environment, say, scratch

FEW, MANY = 20, 200
GOAL = 1.1
FRAMES = 48
"""Of each segment, at 24 fps."""
SIZE = (320, 180)
FPS = Fraction(24)


def measure() -> list[Row]:
    """One row: the peak of a process that joins MANY segments, against that of one that joins FEW."""
    with scratch() as folder:
        say(f"assembly: segments for {MANY} shots")
        _segments(folder)
        env = environment(folder)
        peaks: dict[int, tuple[int, int]] = {}
        for count in (FEW, FEW, MANY):  # the first also compiles what it imports, and does not count
            say(f"assembly: {count} shots")
            command = [sys.executable, "-m", "benchmarks.assembly", str(folder), str(count)]
            ended = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
            before, peak = json.loads(ended.stdout)
            peaks[count] = before, peak
    few, many = peaks[FEW][1], peaks[MANY][1]
    grown = ", ".join(f"{(peak - before) / 2**20:.0f} MiB for {n}" for n, (before, peak) in peaks.items())
    return [
        Row(
            f"assembly of {MANY} shots, peak memory",
            f"{many / 2**20:.0f} MiB",
            f"{few / 2**20:.0f} MiB for {FEW} shots",
            many / few,
            GOAL,
            f"over what the imported libraries hold: {grown}",
        )
    ]


def _segments(folder: Path) -> None:
    """MANY segments, each its own file, and a mix as long as all of them."""
    import numpy as np
    import soundfile

    from filmforge.editing.frames import FrameWriter
    from filmforge.editing.pictures import Picture
    from filmforge.editing.segment import encode_segment

    noise = np.random.default_rng(7)
    plate = folder / "plate.mkv"
    with FrameWriter(plate, SIZE, FPS) as writer:
        for _ in range(FRAMES):
            writer.write(noise.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8))
    first = folder / "0.mp4"
    encode_segment(first, Picture(plate, FPS, FRAMES), count=FRAMES, size=SIZE, fps=FPS)
    for number in range(1, MANY):
        (folder / f"{number}.mp4").write_bytes(first.read_bytes())
    with soundfile.SoundFile(folder / "mix.wav", "w", 48_000, 2, subtype="PCM_24") as mix:
        for _ in range(MANY * FRAMES):
            mix.write(0.1 * noise.standard_normal((int(48_000 / FPS), 2)))


def _join(folder: Path, count: int) -> tuple[int, int]:
    """Join `count` segments; the bytes in use before, and the most at any time."""
    from filmforge.editing.assemble import join

    before = _peak()
    joined = join(
        folder / f"film-{count}.mp4",
        [folder / f"{number}.mp4" for number in range(count)],
        folder / "mix.wav",
        fps=FPS,
    )
    assert joined == count * FRAMES
    return before, _peak()


def _peak() -> int:
    """The most memory this process has had resident so far, in bytes."""
    try:
        # getrusage counts in what the parent had when it forked.
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    print(json.dumps(_join(Path(sys.argv[1]), int(sys.argv[2]))))
