"""The peers' side of a no-op build: the same steps as tasks of doit and rules of snakemake, all of them made."""

from __future__ import annotations

import os
import subprocess
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


def write_unbuilt_snakemake(folder: Path, shots: int, env: dict[str, str]) -> None:
    """The project for snakemake with nothing made yet."""
    write_project(folder, shots)
    for kind in ("plate", "segment"):
        for path in (folder / kind).iterdir():
            path.unlink()
    (folder / "cut").unlink()


def write_unbuilt_dvc(folder: Path, shots: int, env: dict[str, str]) -> None:
    """The same steps as stages of DVC, with nothing made yet, in a repository without git."""
    (folder / "card").mkdir()
    stages = []
    for shot in range(shots):
        (folder / "card" / str(shot)).write_text(f"card {shot}", encoding="utf-8")
        for kind, before in (("plate", "card"), ("segment", "plate")):
            source, target = f"{before}/{shot}", f"{kind}/{shot}"
            stages.append(
                f"  {kind}{shot}: {{cmd: mkdir -p {kind} && cp {source} {target}, deps: [{source}], outs: [{target}]}}"
            )
    segments = ", ".join(f"segment/{shot}" for shot in range(shots))
    stages.append(f"  cut: {{cmd: cat segment/* > cut, deps: [{segments}], outs: [cut]}}")
    (folder / "dvc.yaml").write_text("stages:\n" + "\n".join(stages) + "\n", encoding="utf-8")
    subprocess.run([*dvc_command(), "init", "--no-scm", "-q"], cwd=folder, env=env, check=True)


def dvc_command() -> list[str]:
    """DVC beside this Python."""
    return [sys.executable, "-m", "dvc"]


def dvc(*arguments: str) -> list[str]:
    """The command that makes all stages of the project in the current folder."""
    return [*dvc_command(), "repro", "-q", *arguments]
