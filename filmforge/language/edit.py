"""Small edits of a film file, made in its text: comments, order and layout stay as they are.

Each edit is carried out on the text, read again, and written only if the film is then exactly what was meant.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import yaml

from filmforge.errors import FilmforgeError, UsageError
from filmforge.language.film import Film, Scene, Shot
from filmforge.language.load import Loaded, load_text
from filmforge.language.nearest import nearest
from filmforge.language.seeds import seeds_of
from filmforge.language.source import read_text

# What libyaml takes for the end of a line.
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


def set_pick(path: str | Path, shot: str, seed: int) -> None:
    """Write into the film file that the take `seed` of `shot` (`scene/shot`) is the one in the cut.

    Raises UsageError where the shot has no such take, FilmforgeError where the file cannot be edited safely.
    """
    loaded, raw = _read(path)
    index, scene, found = _generated(loaded.film, shot)
    _, takes = seeds_of(loaded.film, scene, found)
    if seed not in takes:
        known = ", ".join(map(str, takes))
        raise UsageError(f"{shot} has no take {seed}; it has {known}, and `filmforge take` makes a fresh one")
    if found.pick == seed:
        return
    text = _Text(loaded.source.text, loaded.source.node(index))
    if text.value_of("pick") is not None:
        text.replace("pick", str(seed))
    else:
        text.add("pick", str(seed), after=("takes", "seed", "id"))
    _write(path, raw, text.edited, loaded, index, found.model_copy(update={"pick": seed}))


def add_take(path: str | Path, shot: str, seed: int) -> None:
    """Write into the film file that `shot` (`scene/shot`) has a take with `seed` too. The cut stays as it is.

    Raises UsageError where the shot has that take, FilmforgeError where the file cannot be edited safely.
    """
    loaded, raw = _read(path)
    index, scene, found = _generated(loaded.film, shot)
    _, takes = seeds_of(loaded.film, scene, found)
    if seed in takes:
        raise UsageError(f"{shot} has a take {seed} already; give another seed")
    takes = (*takes, seed)
    text = _Text(loaded.source.text, loaded.source.node(index))
    if text.value_of("takes") is not None:
        text.append("takes", str(seed), "[" + ", ".join(map(str, takes)) + "]")
    else:
        text.add("takes", "[" + ", ".join(map(str, takes)) + "]", after=("seed", "id"))
    _write(path, raw, text.edited, loaded, index, found.model_copy(update={"takes": takes}))


def _read(path: str | Path) -> tuple[Loaded, bytes]:
    text = read_text(Path(path), str(path))
    return load_text(text, str(path)), Path(path).read_bytes()


def _generated(film: Film, name: str) -> tuple[tuple[str | int, ...], Scene, Shot]:
    """The generated shot called `name`, with the path to it. Raises UsageError where there is none."""
    names = []
    for s, scene in enumerate(film.scenes):
        for i, shot in enumerate(scene.shots):
            if name != f"{scene.id}/{shot.id}":
                names.append(f"{scene.id}/{shot.id}")
            elif shot.kind != "prompt":
                raise UsageError(f"{name} is not a generated shot, so it has no takes")
            else:
                return ("scenes", s, "shots", i), scene, shot
    near = nearest(name, names)
    hint = f"did you mean '{near}'?" if near else "write scene/shot"
    raise UsageError(f"there is no shot called '{name}' in the film; {hint}")


class _Text:
    """A film's text, and the mapping within it that is edited."""

    def __init__(self, text: str, node: Any) -> None:
        self.edited = text
        self._node = node
        self._begins = [0, *(found.end() for found in _BREAK.finditer(text))]

    def value_of(self, key: str) -> Any:
        """The node of the value at `key`, or None."""
        return next((value for name, value in self._node.value if name.value == key), None)

    def replace(self, key: str, value: str) -> None:
        node = self.value_of(key)
        self._splice(self._offset(node.start_mark), self._offset(node.end_mark), value)

    def add(self, key: str, value: str, *, after: tuple[str, ...]) -> None:
        """Add an entry behind the first of the keys `after` that is written on one line."""
        for name in after:
            node = self.value_of(name)
            if (
                node is None
                or node.start_mark.line != node.end_mark.line
                or node.start_mark.line < self._line
            ):
                continue
            end = self._offset(node.end_mark)
            if self._node.flow_style:
                self._splice(end, end, f", {key}: {value}")
            else:
                self._insert_line(node.end_mark.line, " " * self._node.start_mark.column + f"{key}: {value}")
            return
        raise FilmforgeError(f"there is no safe place to write `{key}: {value}`; add it to the shot by hand")

    def append(self, key: str, item: str, whole: str) -> None:
        """Add an item to the list at `key`, or write it anew as `whole` where it holds nothing."""
        node = self.value_of(key)
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self.replace(key, whole)
        elif node.flow_style:
            end = self._offset(node.value[-1].end_mark)
            self._splice(end, end, f", {item}")
        else:
            self._insert_line(node.value[-1].end_mark.line, " " * node.start_mark.column + f"- {item}")

    @property
    def _line(self) -> int:
        line: int = self._node.start_mark.line
        return line

    def _offset(self, mark: Any) -> int:
        offset: int = self._begins[mark.line] + mark.column
        return offset

    def _insert_line(self, after: int, line: str) -> None:
        """Insert `line` behind the line with the index `after`, with the same line ending."""
        found = _BREAK.search(self.edited, self._begins[after])
        if found is None:
            self._splice(len(self.edited), len(self.edited), "\n" + line)
        else:
            self._splice(found.end(), found.end(), line + found[0])

    def _splice(self, start: int, end: int, put: str) -> None:
        self.edited = self.edited[:start] + put + self.edited[end:]


def _write(
    path: str | Path, raw: bytes, text: str, before: Loaded, index: tuple[str | int, ...], shot: Shot
) -> None:
    """Write `text` to the film file if it says what `before` said, with `shot` at `index`; else refuse."""
    _, s, _, i = index
    scenes = list(before.film.scenes)
    assert isinstance(s, int) and isinstance(i, int)
    shots = list(scenes[s].shots)
    shots[i] = shot
    scenes[s] = scenes[s].model_copy(update={"shots": tuple(shots)})
    meant = before.film.model_copy(update={"scenes": tuple(scenes)})
    try:
        same = load_text(text, str(path)).film == meant
    except FilmforgeError:
        same = False
    if not same:
        raise FilmforgeError(
            f"{path}: the shot is written in a way that cannot be edited safely (an alias, perhaps); "
            "edit it by hand"
        )
    mark = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
    _replace(Path(path), raw, mark + text.encode())


def _replace(path: Path, before: bytes, after: bytes) -> None:
    """Put `after` in the place of the file's content `before`, at once or not at all."""
    target = Path(os.path.realpath(path))  # a link to the film stays a link
    name = None
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(target.stat().st_mode & 0o7777)
        if target.read_bytes() != before:
            raise FilmforgeError(f"{path} was changed by someone else in the meantime; try again")
        Path(name).replace(target)
        name = None
    except OSError as error:
        raise FilmforgeError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        if name is not None:
            Path(name).unlink(missing_ok=True)
