"""The short form of `make faults`: every fault a few times, in every run of the tests."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from faults.__main__ import NAMES, table
from faults.found import Found

SLOW = frozenset({"kills", "checkpoints", "full_disk", "together", "workers", "names"})


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in NAMES]
)
def test_is_stood(name: str, tmp_path: Path) -> None:
    """Nothing that the fault does makes filmforge lose, believe or deliver what is wrong."""
    fault = import_module(f"faults.{name}")
    found = fault.run(fault.SHORT, 1, tmp_path)
    assert found.failures == []
    assert found.done >= 1 or found.note, "a fault that was not done must say why"


def test_a_failure_is_seen() -> None:
    """A fault with one failure is reported as failed, and one that could not be done is not reported as held."""
    held, failed, undone = (Found("a | b", "c", "times") for _ in range(3))
    held.done = failed.done = 1
    failed.check(False, "it broke")
    assert [found.verdict for found in (held, failed, undone)] == ["held", "FAILED", "not done"]
    assert "| 1 times | FAILED |" in table([(failed, 1.0)])
