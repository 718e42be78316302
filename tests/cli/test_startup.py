"""What a command imports before it does anything: `check` runs at every save."""

from __future__ import annotations

import subprocess
import sys

import pytest

from filmforge.cli.main import _NoPlugins
from tests.conftest import WriteFilm

HEAVY = ("torch", "diffusers", "transformers", "moviepy", "numpy", "networkx", "av", "PIL", "rich")
NEEDLESS = ("importlib.metadata", "email", "filmforge.store", "filmforge.planning.outline")


def test_check_imports_nothing_that_it_does_not_need(write_film: WriteFilm) -> None:
    """A check of a film without files: no libraries of models or media, no store, no plans, no search for plugins."""
    film = write_film("scenes: [{id: a, shots: [{id: one, title: x, lasts: 1s}]}]\n")
    code = (
        "import sys\n"
        f"sys.argv = ['filmforge', 'check', {str(film)!r}]\n"
        "from filmforge.cli.main import main\n"
        "try:\n    main()\n"
        f"except SystemExit:\n    print([m for m in {HEAVY + NEEDLESS} if m in sys.modules])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


def test_whatever_else_pydantic_wants_of_its_loader_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in has no plugins, and hands on everything else."""
    stand_in = _NoPlugins(_NoPlugins.REAL)
    monkeypatch.setitem(sys.modules, _NoPlugins.REAL, stand_in)
    assert stand_in.get_plugins() == ()
    assert stand_in.PYDANTIC_ENTRY_POINT_GROUP == "pydantic"
    with pytest.raises(AttributeError):
        stand_in.nothing_of_that_name  # noqa: B018
