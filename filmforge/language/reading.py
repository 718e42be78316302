"""One pass over a film: the problems found so far, by their path, and suggestions for mistyped names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from fractions import Fraction

from filmforge.language.nearest import did_you_mean, keys_meant, nearest

Path = tuple[str | int, ...]
"""The way to a value through the film: keys and indices, such as ("scenes", 1, "shots", 0, "lasts")."""


class Reading:
    """The film's frame rate, and the problems found so far. `as_written` gives the text of the value at a path, if any."""

    # Comparing names is slow; beyond this many, problems are reported without a suggestion.
    _MOST_SUGGESTIONS = 100

    def __init__(self, fps: Fraction, as_written: Callable[[Path], str | None] = lambda path: None) -> None:
        self.fps, self.as_written = fps, as_written
        self.found: list[tuple[Path, str, int | None]] = []
        self._suggested = 0

    def fail(self, path: Path, message: str, at: int | None = None) -> None:
        """Report that the value at `path` is wrong; `at` is the place within, where it is a long text."""
        self.found.append((path, message, at))

    def meant(self, word: str, known: Iterable[str]) -> str:
        """`; did you mean 'prompt'?`, or nothing where no known name is near."""
        found = nearest(word, known) if self._may_suggest() else None
        return did_you_mean([found] if found else [])

    def key_meant(self, key: str, known: Collection[str]) -> str:
        """As `meant`, of a key: other words for what it says are known too, and where none is near, all are listed."""
        found = keys_meant(key, known) if self._may_suggest() else []
        return did_you_mean(found) or (f"; there are {', '.join(known)}" if known else "")

    def _may_suggest(self) -> bool:
        self._suggested += 1
        return self._suggested <= self._MOST_SUGGESTIONS
