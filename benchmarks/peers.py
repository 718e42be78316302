"""The peers' side of a no-op build: the same steps as tasks of doit and rules of snakemake, all of them made."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

# A shot is a card in a file of its own, a plate made from it, and a segment made from that; the cut is made
# from all segments: two tasks a shot and one, as many as filmforge has steps.
_DODO = """\
from pathlib import Path

DOIT_CONFIG = {{"backend": "json", "verbosity": 0}}  # the quickest of its three backends here
SHOTS = range({shots})


def make(targets):
    for target in targets:
        Path(target).write_text(target)


def task_plate():
    for i in SHOTS:
        yield {{"name": str(i), "file_dep": [f"card/{{i}}"], "targets": [f"plate/{{i}}"], "actions": [make]}}


def task_segment():
    for i in SHOTS:
        yield {{"name": str(i), "file_dep": [f"plate/{{i}}"], "targets": [f"segment/{{i}}"], "actions": [make]}}


def task_cut():
    return {{"file_dep": [f"segment/{{i}}" for i in SHOTS], "targets": ["cut"], "actions": [make]}}
"""

_SNAKEFILE = """\
SHOTS = range({shots})


rule cut:
    input: expand("segment/{{i}}", i=SHOTS)
    output: "cut"
    shell: "cat {{input}} > {{output}}"


rule segment:
    input: "plate/{{i}}"
    output: "segment/{{i}}"
    shell: "cp {{input}} {{output}}"


rule plate:
    input: "card/{{i}}"
    output: "plate/{{i}}"
    shell: "cp {{input}} {{output}}"
"""


def is_here(peer: str) -> bool:
    """Whether the peer is installed beside filmforge."""
    return find_spec(peer) is not None


def write_project(folder: Path, shots: int) -> None:
    """The project for both peers, with everything there and in the order in which it would have been made."""
    (folder / "dodo.py").write_text(_DODO.format(shots=shots), encoding="utf-8")
    (folder / "Snakefile").write_text(_SNAKEFILE.format(shots=shots), encoding="utf-8")
    for age, kind in ((3, "card"), (2, "plate"), (1, "segment")):
        (folder / kind).mkdir()
        for shot in range(shots):
            path = folder / kind / str(shot)
            path.write_text(f"{kind} {shot}", encoding="utf-8")
            _set_back(path, age)
    (folder / "cut").write_text("cut", encoding="utf-8")


def _set_back(path: Path, hours: int) -> None:
    """Made so many hours before now, for those who compare times."""
    when = path.stat().st_mtime - hours * 3600
    os.utime(path, (when, when))


def doit(*arguments: str) -> list[str]:
    """The command that runs all tasks of the project in the current folder; the first run makes its database."""
    return [sys.executable, "-m", "doit", *arguments]


def snakemake(*arguments: str) -> list[str]:
    """The command that makes all of the project in the current folder with one job at a time."""
    return [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all", *arguments]
