"""How everything here is measured: what is compared runs in turn, in one run, and a result is a ratio of medians."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_TOLD = ("filmforge", "torch", "diffusers", "av", "pydantic", "doit", "snakemake")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, ours, what it is measured against, and what is aimed at.

    `ratio` is ours to the other's, `goal` its upper bound; both None where there is nothing to compare.
    """

    what: str
    ours: str
    against: str = ""
    ratio: float | None = None
    goal: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or nothing where there is no goal or nothing was measured."""
        if self.ratio is None or self.goal is None:
            return ""
        return "met" if self.ratio <= self.goal else "missed"

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict}


def seconds(value: float) -> str:
    """A time as it stands in the table."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a measured process: as after an installation, with bytecode cached, in `folder`.

    Nothing of the caller's settings that slows Python down or changes what filmforge does gets through.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FILMFORGE_") and name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
    }
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        **more,
    }


def run(command: Sequence[str], *, folder: Path, env: Mapping[str, str]) -> float:
    """Run a command to its end, its output thrown away, and give the seconds it took. It must succeed."""
    began = time.perf_counter()
    ended = subprocess.run(
        command, cwd=folder, env=dict(env), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    took = time.perf_counter() - began
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr[-2000:]}")
    return took


def timed(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> Callable[[], float]:
    """`run` with all it needs, for `in_turn`."""
    return lambda: run(command, folder=folder, env=env)


def in_turn(times: int, measured: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """The median seconds of each, after one run of each that does not count.

    They take turns, each second round backwards, so that what disturbs one disturbs all.
    """
    for warm in measured.values():
        warm()
    taken: dict[str, list[float]] = {name: [] for name in measured}
    for turn in range(times):
        for name in list(measured)[:: -1 if turn % 2 else 1]:
            taken[name].append(measured[name]())
    return {name: statistics.median(values) for name, values in taken.items()}


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="filmforge-benchmark-") as folder:
        yield Path(folder)


def say(text: str) -> None:
    """What is being done, on standard error: the table alone goes to standard output."""
    print(f"  {text}", file=sys.stderr, flush=True)


def machine() -> dict[str, str]:
    """What the numbers hold for: processor, system and versions. Names no host."""
    found = {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }
    for package in _TOLD:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    if hasattr(os, "getloadavg"):
        found["load"] = f"{os.getloadavg()[0]:.1f} before the first measurement"
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.split(":", 1)[1].split())
    except OSError:
        pass
    return platform.processor() or platform.machine()
