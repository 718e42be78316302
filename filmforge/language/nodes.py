"""YAML as nodes with marks, each tagged by how it was written, and what a plain word means in YAML 1.2.

Composed by libyaml where PyYAML has it, else in Python; both give the same tree.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

DEEPEST: Final = 40

# Private tags, so that whatever else a node carries was written by the author.
PLAIN, QUOTED, COLLECTION = "plain", "quoted", "collection"

_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,40}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASED = re.compile(r"0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")


class TooDeepError(Exception):
    """More levels than a film has; a film file that nests deeper is not one."""


class _Tags:
    """How a composer tags nodes: by how they were written only. What they mean is decided later."""

    depth = 0

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        if kind is not yaml.ScalarNode:
            return COLLECTION
        return PLAIN if implicit[0] else QUOTED

    def descend_resolver(self, parent: Any, index: Any) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise TooDeepError

    def ascend_resolver(self) -> None:
        self.depth -= 1


class PythonComposer(
    _Tags, yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser, yaml.composer.Composer
):
    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
        yaml.composer.Composer.__init__(self)


if yaml.__with_libyaml__:

    class _FastComposer(_Tags, yaml.CSafeLoader):
        pass

    COMPOSER: type[Any] = _FastComposer
else:
    COMPOSER = PythonComposer


def plain(text: str) -> Any:
    """What a plain scalar means in the core schema of YAML 1.2, without .inf and .nan: no film needs them."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "0123456789+-.":
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _BASED.fullmatch(text):
            return int(text, 0)
    return text
