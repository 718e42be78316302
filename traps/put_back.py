"""What one trap is, put back; the copy of filmforge that falls into it, and what its tests say of that."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import sys
import traceback
from collections.abc import Sequence
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


def outcome(place: Path, tests: Sequence[str]) -> tuple[str, str]:
    """Run tests of a copy to the first that fails: `passed`, `failed`, or `not run`; and what was said of it.

    Not run are those of a copy that cannot be imported, and those that are not there: that would prove nothing.
    """
    process = multiprocessing.get_context("fork").Process(target=_test, args=(place, tests))
    process.start()
    process.join()
    said = (place / "said").read_text(encoding="utf-8", errors="replace")
    known = {_PASSED: "passed", _FAILED: "failed"}.get(process.exitcode or 0, "not run")
    return ("not run" if _BROKEN.search(said) else known), said


_PASSED, _FAILED, _BROKE = 0, 1, 70
_BROKEN = re.compile(
    r"^E +(NameError|SyntaxError|IndentationError|ImportError|ModuleNotFoundError|fixture)\b", re.MULTILINE
)


def _test(place: Path, tests: Sequence[str]) -> None:
    status = _BROKE
    with (place / "said").open("w", encoding="utf-8") as said:
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
        sys.stdout = sys.stderr = said
        try:
            import pytest

            os.chdir(place)
            sys.dont_write_bytecode = True
            sys.path.insert(0, str(place))
            # Plugins are imported by now, of which pytest would complain; and none of them is needed.
            os.environ |= {"PYTHONPATH": str(place), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
            status = pytest.main(["-x", f"--rootdir={place}", f"--basetemp={place / 'tmp'}", *tests])
        except BaseException:
            traceback.print_exc()
        finally:
            said.flush()
            os._exit(int(status))


def reason(said: str) -> str:
    """The first line that pytest gives of why a test failed."""
    found = re.search(r"^E +(.+)$", said, re.MULTILINE)
    return found[1] if found else ""
