"""Everything filmforge raises on purpose, as one tree.

    FilmforgeError               exit status 1 unless a subclass says otherwise
    ├── FilmError                2  the film file, or a file it names, is wrong; carries every problem found
    ├── UsageError               2  the command, or the way it was called, is wrong
    ├── WeightsError             2  a model's weights are not here, or are not what they should be
    ├── MediaError               1  a picture, clip or sound cannot be read or made
    ├── LoraError                1  a LoRA file is not one, does not fit its model, or does nothing
    ├── StoreError               1  the store cannot be read or written (no space, no permission)
    └── StepError                1  a step failed; says which

Each message says what is wrong, where, and what to do. Nothing else is shown to a user: a traceback is a defect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a film file, and where.

    `line` and `column` count from 1, as editors do. `where` is the path through the film, such as
    `scenes[1].shots[0].lasts`; empty when the file as a whole is meant.
    """

    message: str
    file: str
    line: int = 1
    column: int = 1
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: "
        return place + (f"{self.where}: " if self.where else "") + self.message


class FilmforgeError(Exception):
    """The root: catch this to catch all that filmforge raises on purpose."""

    exit_status = 1


class FilmError(FilmforgeError):
    """The film cannot be understood as written. `problems` holds every one, in file order."""

    exit_status = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line, p.column)))
        super().__init__("\n".join(map(str, self.problems)))


class UsageError(FilmforgeError):
    """A command was given words it cannot carry out: a shot that is not in the film, an unknown profile."""

    exit_status = 2


class WeightsError(FilmforgeError):
    """A model's weights are missing, incomplete, or of another model. The message names the remedy."""

    exit_status = 2


class MediaError(FilmforgeError):
    """A picture, clip or sound cannot be read, or could not be encoded."""


class LoraError(FilmforgeError):
    """A LoRA file is damaged, belongs to another base model, or has no effect on the picture."""


class StoreError(FilmforgeError):
    """The store cannot be read or written. What was stored before is untouched."""


class StepError(FilmforgeError):
    """A step could not be carried out. `step` is its full name, such as `render/arrival/wide@7`."""

    def __init__(self, step: str, message: str) -> None:
        self.step = step
        super().__init__(f"{step}: {message}")
