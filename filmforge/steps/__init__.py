"""The step kinds: one file each, carried out from a `Work` and nothing else."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from filmforge.errors import FilmforgeError
from filmforge.steps.work import Work

BUILT_IN = ("lora", "render", "base", "likeness", "pick", "frame", "plate", "segment", "mix", "cut")
ENTRY_POINTS = "filmforge.steps"
"""Other packages add kinds under this entry point group: the kind's name, and a module with `run(work)`."""


def carry_out(work: Work) -> None:
    """Carry out one step by its kind."""
    if work.kind in BUILT_IN:
        import_module(f"filmforge.steps.{work.kind}").run(work)
        return
    for point in entry_points(group=ENTRY_POINTS, name=work.kind):
        point.load().run(work)
        return
    raise FilmforgeError(f"no step kind '{work.kind}' is installed")
