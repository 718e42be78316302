"""What one trap is, put back; the copy of filmforge that falls into it, and what its tests say of that."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Edit:
    """In `file`, the text `old`, which stands there once, becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class PutBack:
    """A trap, and how to fall into it. `tests` (pytest's names) avoid it: at least one of them must fail then."""

    trap: str
    what: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


def put(trap: str, what: str, *parts: tuple[str, str, str] | str) -> PutBack:
    """A trap by its short name, what is done wrong in words; then (file, old, new), and the names of tests."""
    edits = tuple(Edit(*part) for part in parts if not isinstance(part, str))
    return PutBack(trap, what, edits, tuple(part for part in parts if isinstance(part, str)))


def ready() -> None:
    """Import what every test waits for, once for all copies: they are forks of this process.

    Not filmforge itself, which each copy has of its own; so its settings for the libraries are made here.
    """
    os.environ |= {
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }
    import diffusers
    import peft
    import pytest
    import torch
    import transformers

    torch.set_num_threads(1)
    for module, names in (
        (
            diffusers,
            ("WanPipeline", "LTXConditionPipeline", "LTXPipeline", "MochiPipeline", "HunyuanVideoPipeline"),
        ),
        (transformers, ("T5EncoderModel", "CLIPTextModel", "LlamaModel", "AutoTokenizer")),
        (peft, ("LoraConfig",)),
        (pytest, ("main",)),
    ):
        for name in names:
            getattr(module, name)


def copied(to: Path, edits: tuple[Edit, ...]) -> None:
    """A copy of filmforge and its tests in `to`, with the edits; unchanged files are the same files."""
    for folder in ("filmforge", "tests"):
        shutil.copytree(
            ROOT / folder, to / folder, copy_function=_linked, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", to)
    for edit in edits:
        path = to / edit.file
        text = path.read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            raise ValueError(f"{edit.file}: not once in it, but {text.count(edit.old)} times: {edit.old!r}")
        path.unlink()
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def status_of(place: Path, tests: tuple[str, ...]) -> int:
    """Run tests of a copy to the first that fails; pytest's exit status: 0 where all pass, 1 where one fails."""
    process = multiprocessing.get_context("fork").Process(target=_test, args=(place, tests))
    process.start()
    process.join()
    return process.exitcode if process.exitcode is not None else -1


def _test(place: Path, tests: tuple[str, ...]) -> None:
    import pytest

    os.chdir(place)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(place))
    os.environ["PYTHONPATH"] = str(place)
    with (place / "said").open("w", encoding="utf-8") as said:
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
        status = pytest.main(["-x", "-q", f"--rootdir={place}", f"--basetemp={place / 'tmp'}", *tests])
        sys.stdout.flush()
    os._exit(int(status))
