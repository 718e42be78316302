"""A film file as text: a safe subset of YAML 1.2 becomes plain data, and every value keeps its place.

The tree of nodes is kept, and a position is looked up only when there is something to say about it.
"""

from __future__ import annotations

import gc
import re
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from filmforge.errors import FilmError, Problem
from filmforge.language.nodes import COLLECTION, COMPOSER, DEEPEST, PLAIN, QUOTED, TooDeepError, plain
from filmforge.language.reading import Path
from filmforge.language.scalars import shown

MOST_BYTES: Final = 8_000_000
MOST_REPEATED: Final = 200_000
"""How many values aliases may add to a file; more than any film needs, far less than a memory."""

# What libyaml says of lines that do not fit, by a part of its words.
_MEANT: Final = {
    "expected ':'": "no ':' follows this word; write `key: value`, and indent a text that goes on",
    "expected key": "this does not line up with the keys above; check the indentation and the quotes",
    "expected '-'": "this does not line up with the list above; check the indentation",
    "<document start>": "this does not belong to what stands above; check the indentation",
    "block sequence entries": "a list cannot begin here; put it on a line of its own, indented",
    "comment or line break": "text after | or > begins on the next line",
}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What YAML takes for the end of a line."""


class Source:
    """A film file that was read: its text, its data, and where each value stands.

    `name` is the path as the user gave it; `folder` is where the file lies, the project folder.
    """

    def __init__(self, name: str, text: str, folder: FilePath | None = None) -> None:
        """Parse `text`. Raises FilmError: for what is not YAML at once, for all else with every problem."""
        self.name, self.text = name, text
        self.folder = folder if folder is not None else FilePath(name).parent
        self._entries: dict[int, dict[str, tuple[Any, Any]]] = {}
        self._lines: list[str] | None = None
        self._other_ends = re.search("[\x85\u2028\u2029]", text) is not None
        self._refuse_control_characters()
        # Half a million nodes are made and none is garbage: looking for some doubles the time it takes.
        collecting = gc.isenabled()
        gc.disable()
        try:
            self.root = self._compose()
            self.data: Any = self._data()
        finally:
            if collecting:
                gc.enable()

    def problem(
        self, path: Path, message: str, *, where: str | None = None, at: int | None = None
    ) -> Problem:
        """A problem with the value at `path`: with the sign at `at` of its text, where that is given."""
        line, column = (None if at is None else self._within(path, at)) or self.position(path)
        return Problem(message, self.name, line, column, written(path) if where is None else where)

    def position(self, path: Path) -> tuple[int, int]:
        """Line and column, from 1, of the value at `path`: of its key where it has one.

        A value that is not there has the position of the nearest that is and would hold it.
        """
        mark_node = node = self.root
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = self._entries_of(node).get(str(step))
                if found is None:
                    break
                mark_node, node = found
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                mark_node = node = node.value[step]
            else:
                break
        if mark_node is None:
            return 1, 1
        return self.place(mark_node.start_mark)

    def place(self, mark: Any) -> tuple[int, int]:
        """Line and column, from 1, of a mark: the parser also takes signs for line ends that no editor does."""
        if not self._other_ends:
            return mark.line + 1, mark.column + 1
        return self.text.count("\n", 0, mark.index) + 1, mark.index - self.text.rfind("\n", 0, mark.index)

    def _within(self, path: Path, at: int) -> tuple[int, int] | None:
        """Line and column of the sign at `at` of the text at `path`, however the text is written.

        None where the file does not show that sign: it may be written as an escape.
        """
        node = self.node(path)
        if not isinstance(node, yaml.ScalarNode):
            return None
        start, sign = node.start_mark, node.value[at]
        # The line that begins a block of text may end in a comment.
        header = _BREAK.search(self.text, start.index) if node.style in ("|", ">") else None
        begin = header.end() if header else start.index
        signs = [i for i in range(begin, node.end_mark.index) if self.text[i] == sign]
        if len(signs) < node.value.count(sign):
            return None
        found = signs[node.value[:at].count(sign)]
        breaks = [one.end() for one in _BREAK.finditer(self.text, start.index, found)]
        column = found - breaks[-1] if breaks else start.column + found - start.index
        return start.line + len(breaks) + 1, column + 1

    def node(self, path: Path) -> Any:
        """The YAML node at exactly `path`, or None where there is none."""
        node = self.root
        for step in path:
            if isinstance(node, yaml.MappingNode):
                node = self._entries_of(node).get(str(step), (None, None))[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
            else:
                return None
        return node

    def _entries_of(self, node: Any) -> dict[str, tuple[Any, Any]]:
        entries = self._entries.get(id(node))
        if entries is None:
            entries = {}
            for key, value in node.value:
                entries.setdefault(key.value if isinstance(key, yaml.ScalarNode) else "", (key, value))
            self._entries[id(node)] = entries
        return entries

    def _refuse_control_characters(self) -> None:
        found = _CONTROL.search(self.text)
        if found:
            before = self.text[: found.start()]
            line, column = before.count("\n") + 1, found.start() - before.rfind("\n")
            what = f"a character that text cannot hold (U+{ord(found[0]):04X})"
            raise FilmError([Problem(f"{what}; remove it", self.name, line, column)])

    def _compose(self) -> Any:
        composer = None
        try:
            composer = COMPOSER(self.text)
            return composer.get_single_node()
        except yaml.MarkedYAMLError as wrong:
            raise FilmError([self._syntax_problem(wrong)]) from None
        except yaml.YAMLError as wrong:
            raise FilmError([Problem(f"not YAML: {_one_line(str(wrong))}", self.name)]) from None
        except TooDeepError:
            message = f"nested deeper than {DEEPEST} levels, which no film is"
            raise FilmError([Problem(message, self.name, *self._deepest())]) from None
        finally:
            if composer is not None and hasattr(composer, "dispose"):
                composer.dispose()

    def _deepest(self) -> tuple[int, int]:
        """Where nesting passes the limit, near enough: the first line with that many openings or indents."""
        for i, line in enumerate(self.text.split("\n")):
            openings = len(re.findall(r"[\[{]|(?:^|\s)[-?:](?=\s)", line))
            if openings > DEEPEST // 2 or len(line) - len(line.lstrip(" ")) >= DEEPEST:
                return i + 1, 1
        return 1, 1

    def _syntax_problem(self, wrong: yaml.MarkedYAMLError) -> Problem:
        mark = wrong.problem_mark or wrong.context_mark
        line, column = self.place(mark) if mark else (1, 1)
        said = _one_line(wrong.problem or str(wrong))
        return Problem(self._explained(said, wrong, line, column), self.name, line, column)

    def _explained(self, said: str, wrong: yaml.MarkedYAMLError, line: int, column: int) -> str:
        """What libyaml says, in words for those who do not write parsers."""
        text = self._line(line)
        here = text[column - 1 : column]
        if here == "\t" or (said.startswith("found character") and "\t" in text[: column + 1]):
            return "a tab stands where spaces are wanted; indent with spaces"
        if "expected a single document" in (wrong.context or "") or "another document" in said:
            return "a second document begins here; a film is one document, so remove the `---`"
        if said.startswith("mapping values are not allowed"):
            return "a ': ' stands inside a value; put quotes around text that holds one"
        if "invalid Unicode character escape" in said:
            return (
                "this escape is half of a character; write the character itself, or its number as \\U0001F600"
            )
        if "cannot start any token" in said:
            return f"text cannot begin with {here!r}; put quotes around it"
        if "undefined alias" in said:
            return f"{said}; text that begins with * needs quotes around it"
        if "undefined tag handle" in said:
            return "tags such as !name are not allowed; text that begins with ! needs quotes around it"
        opened = self.place(wrong.context_mark)[0] if wrong.context_mark else line
        context = self._line(opened)
        if re.search(r":\s+\{[^}]*\}\s*\S", text) or re.search(r":\s+\{[^}]*\}\s*\S", context):
            return "text that begins with { needs quotes around it"
        if wrong.context and "quoted scalar" in wrong.context:
            return f"the quote that opens on line {opened} is never closed"
        if wrong.context and "flow" in wrong.context and wrong.context_mark:
            return f"the bracket that opens on line {opened} is not closed as it should be: {said}"
        for sign, meant in _MEANT.items():
            if sign in said:
                return meant
        return f"not YAML: {said}"

    def _line(self, number: int) -> str:
        if self._lines is None:
            self._lines = self.text.split("\n")
        return self._lines[number - 1] if number <= len(self._lines) else ""

    def _data(self) -> Any:
        if self.root is None:
            raise FilmError([Problem("the file is empty; a film begins with `filmforge: 1`", self.name)])
        reading = _Data(self)
        data, size = reading.value(self.root)
        if reading.repeated > MOST_REPEATED or size > 20 * MOST_REPEATED:
            node = self._alias(reading.last_allowed) or self.root
            reading.fail(node, f"aliases repeat more than {MOST_REPEATED:,} values; write fewer of them")
        if reading.problems:
            raise FilmError(reading.problems)
        return data

    def _alias(self, after: int) -> Any:
        """The alias of a mapping or list that `after` others stand before; None where there is none.

        Nodes do not tell where their aliases are, so the text is gone through again.
        """
        composer = COMPOSER(self.text)
        collections: set[str | None] = set()
        while composer.check_event():
            event = composer.get_event()
            if isinstance(event, yaml.AliasEvent):
                after -= event.anchor in collections
                if after < 0:
                    return event
            elif isinstance(event, yaml.CollectionStartEvent):
                collections.add(event.anchor)
        return None


class _Data:
    """Turns nodes into plain data, and reports tags, duplicate keys and aliases out of bounds.

    A node that aliases share becomes one value, and what it would grow to is counted, never made.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.repeated = 0
        self.last_allowed = 0  # how many aliases of mappings and lists keep within the limit
        self._made: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def fail(self, node: Any, message: str) -> None:
        self.problems.append(Problem(message, self.source.name, *self.source.place(node.start_mark)))

    def value(self, node: Any) -> tuple[Any, int]:
        """The node's value, and how many values it stands for once aliases are written out."""
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node), 1
        known = self._made.get(id(node))
        if known is not None:
            self.repeated += known[1]
            self.last_allowed += self.repeated <= MOST_REPEATED
            return known
        if id(node) in self._open:
            self.last_allowed += self.repeated <= MOST_REPEATED
            self.fail(node, "this value holds itself through an alias")
            return None, 1
        if node.tag != COLLECTION:
            self.fail(node, f"tags are not allowed: remove {_written_tag(node.tag)}")
        self._open.add(id(node))
        made = self.mapping(node) if isinstance(node, yaml.MappingNode) else self.sequence(node)
        self._open.discard(id(node))
        self._made[id(node)] = made
        return made

    def scalar(self, node: Any) -> Any:
        tag, text = node.tag, node.value
        if tag == PLAIN:
            return plain(text)
        if tag != QUOTED:
            self.fail(node, f"tags are not allowed: remove {_written_tag(tag)}")
        return text

    def sequence(self, node: Any) -> tuple[list[Any], int]:
        items, size = [], 1
        for item in node.value:
            value, its_size = self.value(item)
            items.append(value)
            size += its_size
        return items, size

    def mapping(self, node: Any) -> tuple[dict[str, Any], int]:
        entries: dict[str, Any] = {}
        size = 1
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.fail(
                    key_node, "a key must be a word; text that begins with { or [ needs quotes around it"
                )
                continue
            key = key_node.value
            if key_node.tag not in (PLAIN, QUOTED):
                self.fail(key_node, f"tags are not allowed: remove {_written_tag(key_node.tag)}")
            if key == "<<" and key_node.tag == PLAIN:
                self.fail(
                    key_node, "YAML 1.2 has no merge key '<<'; write the keys out, or use styles and profiles"
                )
                continue
            if key in entries:
                first, _ = self.source.place(self.source._entries_of(node)[key][0].start_mark)
                self.fail(key_node, f"{shown(key)} is given twice, first on line {first}; keep one of them")
                continue
            if isinstance(value_node, yaml.ScalarNode):
                entries[key] = self.scalar(value_node)
                size += 1
            else:
                entries[key], its_size = self.value(value_node)
                size += its_size
        return entries, size


def written(path: Path) -> str:
    """`path` as it is shown: `scenes[1].shots[0].lasts`."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        else:
            word = step if re.fullmatch(r"[\w./@<>-]{1,80}", step) else shown(step)
            parts.append(f".{word}" if parts else word)
    return "".join(parts)


def read_text(path: FilePath, name: str) -> str:
    """The text of the film file at `path`. Raises FilmError where there is none, or it is not UTF-8 text."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise FilmError(
            [Problem("there is no such file; `filmforge init DIR` makes a film project", name)]
        ) from None
    except IsADirectoryError:
        raise FilmError(
            [Problem(f"this is a folder; name the film file, such as {name}/film.yaml", name)]
        ) from None
    except (OSError, ValueError) as wrong:
        why = getattr(wrong, "strerror", None) or str(wrong)
        raise FilmError([Problem(f"the file cannot be read: {why}", name)]) from None
    if len(raw) > MOST_BYTES:
        raise FilmError([Problem(f"larger than {MOST_BYTES // 1_000_000} MB, which no film file is", name)])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        before = raw[: wrong.start]
        line, column = before.count(b"\n") + 1, wrong.start - before.rfind(b"\n")
        message = f"not UTF-8 text: byte 0x{raw[wrong.start]:02x}; save the file as UTF-8"
        raise FilmError([Problem(message, name, line, column)]) from None


def _written_tag(tag: str) -> str:
    return shown(
        "!!" + tag.removeprefix("tag:yaml.org,2002:") if tag.startswith("tag:yaml.org,2002:") else tag
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
