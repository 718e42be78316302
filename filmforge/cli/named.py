"""Which steps a name on the command line means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from filmforge.errors import UsageError

if TYPE_CHECKING:
    from filmforge.planning.resolve import Planned
    from filmforge.project import Plan


def steps_named(planned: Plan, name: str) -> list[Planned]:
    """The steps called `name`, or about the shot, scene, take, character or delivery called so.

    Raises UsageError, with the nearest name, where nothing is.
    """
    steps = planned.steps
    if name in steps:
        return [steps[name]]
    delivered = [n for n, d in planned.outline.deliveries.items() if _delivers(planned, n, d.file, name)]
    if delivered:
        return [p for p in steps.values() if p.step.kind == "cut" and p.step.subject in delivered]
    found = [
        p
        for p in steps.values()
        if p.step.subject == name
        or p.step.subject.startswith((f"{name}/", f"{name}@"))
        or p.step.name.split("/", 1)[-1] == name
        or p.step.kind == name
    ]
    if found:
        return found
    from filmforge.language.nearest import nearest

    near = nearest(name, sorted({*steps, *(p.step.subject for p in steps.values())}))
    hint = f"; did you mean '{near}'?" if near else "; filmforge plan --all FILM lists all steps"
    raise UsageError(f"nothing in the film is called '{name}'{hint}")


def _delivers(planned: Plan, delivery: str, file: str, name: str) -> bool:
    """Whether `name` means what is delivered as `file`: its name, its path from the film or from here, its captions."""
    from filmforge.language.delivered import caption_file, sidecar_of

    files = (file, caption_file(file), sidecar_of(file))
    if name in (delivery, *files):
        return True
    here = Path(name).absolute()
    return any(here == (planned.project.folder / one).absolute() for one in files)
