"""filmforge: a build system for films made with open-weight video models.

import filmforge

project = filmforge.load("film.yaml")
for name, planned in filmforge.plan(project).steps.items():
    print(name, planned.state, *planned.because)
filmforge.build(project, on_event=print)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filmforge.errors import FilmError as FilmError
    from filmforge.errors import FilmforgeError as FilmforgeError
    from filmforge.errors import LoraError as LoraError
    from filmforge.errors import MediaError as MediaError
    from filmforge.errors import StepError as StepError
    from filmforge.errors import StoreError as StoreError
    from filmforge.errors import UsageError as UsageError
    from filmforge.errors import WeightsError as WeightsError
    from filmforge.making import BuildResult, build
    from filmforge.project import Plan, Project, load, plan

__version__ = "0.1.0"

_ERRORS = (
    "FilmError",
    "FilmforgeError",
    "LoraError",
    "MediaError",
    "StepError",
    "StoreError",
    "UsageError",
    "WeightsError",
)
__all__ = [*_ERRORS, "BuildResult", "Plan", "Project", "__version__", "build", "load", "plan"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that `filmforge --help` costs no more than it needs."""
    if name in _ERRORS:
        return getattr(import_module("filmforge.errors"), name)
    if name in __all__:
        module = "filmforge.making" if name in ("BuildResult", "build") else "filmforge.project"
        return getattr(import_module(module), name)
    raise AttributeError(f"module 'filmforge' has no attribute '{name}'")
