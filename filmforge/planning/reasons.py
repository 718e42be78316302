"""Why a step is stale, in words of the film: what differs between what was made last and what is asked for now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from filmforge.planning.step import Made, Source, Step

NEVER_MADE = "never made"
LOST = "its stored result is missing or damaged"
FORGOTTEN = "changed since it was made, and what it was made from is no longer in the store"


def differences(
    step: Step, params: Mapping[str, Any], inputs: Mapping[str, str], now: Mapping[str, str]
) -> list[str]:
    """One sentence for each thing that differs: params by their path, then inputs by what they are.

    `params` and `inputs` are those of the last time; `now` maps the roles whose digests are known by now.
    """
    found = list(_params("", params, step.params))
    for role in sorted({*inputs, *step.inputs}):
        if role not in step.inputs:
            found.append(f"{role}: no longer used")
        elif role not in inputs:
            found.append(f"{role}: {_named(step, role)} is new here")
        elif role in now and inputs[role] != now[role]:
            found.append(f"{role}: {_named(step, role)} changed")
    return found


def _named(step: Step, role: str) -> str:
    given = step.inputs[role]
    return given.path if isinstance(given, Source) else given.step


def waiting(step: Step, stale: set[str]) -> list[str]:
    """One sentence for each stale step that this one is made from."""
    return [
        f"{role}: waits for {given.step}"
        for role, given in step.inputs.items()
        if isinstance(given, Made) and given.step in stale
    ]


def _params(path: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*after, *(k for k in before if k not in after)]:
            here = f"{path}.{key}" if path else str(key)
            if key not in before:
                yield f"{here}: {_shown(after[key])} is new"
            elif key not in after:
                yield f"{here}: {_shown(before[key])} is gone"
            else:
                yield from _params(here, before[key], after[key])
    elif isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        if len(before) == len(after) and all(isinstance(x, Mapping) for x in (*before, *after)):
            for index, (a, b) in enumerate(zip(before, after, strict=True)):
                yield from _params(f"{path}[{index}]", a, b)
        elif list(before) != list(after):
            yield f"{path}: {_shown(before)} -> {_shown(after)}"
    elif before != after or type(before) is not type(after):
        yield f"{path}: {_shown(before)} -> {_shown(after)}"


def _shown(value: Any) -> str:
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return value[:12]
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(v, int) for v in value):
        return f"[{value[0]}, {value[1]}]"
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:397]}..."
