"""The files that a model names in a repository of the hub: a path inside it, of a sort that runs no code."""

from __future__ import annotations

from pathlib import PurePosixPath

from filmforge.language import scalars
from filmforge.language.checking import Checking
from filmforge.language.models import ModelLora, WeightsFile
from filmforge.language.reading import Path
from filmforge.language.scalars import shown

_LORAS = (".safetensors",)
_WEIGHTS = (".safetensors", ".sft", ".gguf")


def check_hub_files(checking: Checking, path: Path, named: ModelLora | WeightsFile) -> None:
    """Report what is wrong with the files of `hub`, and a revision without one."""
    if named.hub is None:
        if named.revision is not None:
            hint = (
                "; the revision of `base` stands beside `weights`" if isinstance(named, WeightsFile) else ""
            )
            checking.fail(
                (*path, "revision"),
                f"is that of a repository on the hub; name it as `hub`, or remove it{hint}",
                (*path, "hub"),
            )
        return
    for expert, file in named.files.items():
        if wrong := _wrong(file, _WEIGHTS if isinstance(named, WeightsFile) else _LORAS):
            checking.fail((*path, "file", *([expert] if expert else [])), wrong)


def of_the_hub(named: str, key: str, suffix: str) -> str:
    """How a file of the hub is named that was written as plain text; empty where the text does not read as one.

    `named` may be `owner/name/file`, or the repository alone.
    """
    owner, _, rest = named.partition("/")
    name, _, file = rest.partition("/")
    try:
        hub = scalars.hub_id(f"{owner}/{name}")
    except ValueError:
        return ""
    if not file and PurePosixPath(name).suffix in _WEIGHTS:
        return ""  # a file in a folder
    return f"; if it is on the hub, name it as `{key}: {{hub: {hub}, file: {file or 'NAME' + suffix}}}`"


def _wrong(file: str, suffixes: tuple[str, ...]) -> str:
    """Why `file` is none that is taken from a repository; empty where nothing speaks against it."""
    try:
        inside = PurePosixPath(scalars.path(file))
    except ValueError:
        inside = None
    if inside is None or inside.as_posix() != file or ".." in inside.parts:
        return f"{shown(file)} is not a file of a repository; write its path there, such as folder/name{suffixes[0]}"
    if inside.suffix not in suffixes:
        wanted = " or ".join(one for one in suffixes if one != ".sft")
        return (
            f"{shown(file)} is no {wanted} file, and others are never read, since a pickle can run code; name a file "
            "of the repository that is one"
        )
    return ""
