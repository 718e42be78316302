"""Why a step is stale: what differs between what was made last and what is asked for now.

A reason is text in the form that `plan --json` and events have, and knows what it speaks of: `words.py` says the
same in words of the film.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from filmforge.planning.step import Made, Source, Step


class Absent:
    """Stands for a value that is not there, where None could be one."""


ABSENT: Final = Absent()


class Reason(str):
    """A reason, and what it speaks of: a param by its path with both values, or the input that fills a role."""

    __slots__ = ("after", "before", "how", "path", "role")

    path: str
    before: Any
    after: Any
    role: str
    how: str
    """What became of an input: `new`, `changed`, `gone` or `waits`; empty where a param is meant."""

    @classmethod
    def of_param(cls, path: str, before: Any, after: Any) -> Reason:
        """The param at `path` was `before` and is `after`; either may be ABSENT."""
        if before is ABSENT:
            text = f"{path}: {_shown(after)} is new"
        elif after is ABSENT:
            text = f"{path}: {_shown(before)} is gone"
        else:
            text = f"{path}: {_shown(before)} -> {_shown(after)}"
        reason = cls(text)
        reason.path, reason.before, reason.after, reason.role, reason.how = path, before, after, "", ""
        return reason

    @classmethod
    def of_input(cls, role: str, how: str, text: str) -> Reason:
        """`how` the input that fills `role` differs, and the words after the role."""
        reason = cls(f"{role}: {text}")
        reason.path, reason.before, reason.after, reason.role, reason.how = "", ABSENT, ABSENT, role, how
        return reason


NEVER_MADE = "never made"
LOST = "its stored result is missing or damaged"
FORGOTTEN = "changed since it was made, and what it was made from is no longer in the store"


def differences(
    step: Step, params: Mapping[str, Any], inputs: Mapping[str, str], now: Mapping[str, str]
) -> list[Reason]:
    """One reason for each thing that differs: params by their path, then inputs by what they are.

    `params` and `inputs` are those of the last time; `now` maps the roles whose digests are known by now.
    """
    found = list(differing("", params, step.params))
    for role in sorted({*inputs, *step.inputs}):
        if role not in step.inputs:
            found.append(Reason.of_input(role, "gone", "no longer used"))
        elif role not in inputs:
            found.append(Reason.of_input(role, "new", f"{_named(step, role)} is new here"))
        elif role in now and inputs[role] != now[role]:
            found.append(Reason.of_input(role, "changed", f"{_named(step, role)} changed"))
    return found


def _named(step: Step, role: str) -> str:
    given = step.inputs[role]
    return given.path if isinstance(given, Source) else given.step


def waiting(step: Step, stale: set[str]) -> list[Reason]:
    """One reason for each stale step that this one is made from."""
    return [
        Reason.of_input(role, "waits", f"waits for {given.step}")
        for role, given in step.inputs.items()
        if isinstance(given, Made) and given.step in stale
    ]


def differing(path: str, before: Any, after: Any) -> Iterator[Reason]:
    """One reason for each value that differs between two pieces of plain data, by its path under `path`."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*after, *(k for k in before if k not in after)]:
            here = f"{path}.{key}" if path else str(key)
            if key not in before:
                yield Reason.of_param(here, ABSENT, after[key])
            elif key not in after:
                yield Reason.of_param(here, before[key], ABSENT)
            else:
                yield from differing(here, before[key], after[key])
    elif isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        if len(before) == len(after) and all(isinstance(x, Mapping) for x in (*before, *after)):
            for index, (a, b) in enumerate(zip(before, after, strict=True)):
                yield from differing(f"{path}[{index}]", a, b)
        elif list(before) != list(after):
            yield Reason.of_param(path, before, after)
    elif before != after or type(before) is not type(after):
        yield Reason.of_param(path, before, after)


def _shown(value: Any) -> str:
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return value[:12]
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(v, int) for v in value):
        return f"[{value[0]}, {value[1]}]"
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:397]}..."
