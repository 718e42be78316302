"""One pass over a film: the problems found so far, by their path, and suggestions for mistyped names."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from filmforge.language.nearest import nearest

Path = tuple[str | int, ...]
"""The way to a value through the film: keys and indices, such as ("scenes", 1, "shots", 0, "lasts")."""


class Reading:
    """The film's frame rate, and the problems found so far."""

    # Comparing names is slow; beyond this many, problems are reported without a suggestion.
    _MOST_SUGGESTIONS = 100

    def __init__(self, fps: Fraction) -> None:
        self.fps = fps
        self.found: list[tuple[Path, str, int | None]] = []
        self._suggested = 0

    def fail(self, path: Path, message: str, at: int | None = None) -> None:
        """Report that the value at `path` is wrong; `at` is the place within, where it is a long text."""
        self.found.append((path, message, at))

    def meant(self, word: str, known: Iterable[str]) -> str:
        """`; did you mean 'prompt'?`, or nothing where no known name is near."""
        self._suggested += 1
        found = nearest(word, known) if self._suggested <= self._MOST_SUGGESTIONS else None
        return f"; did you mean '{found}'?" if found else ""
