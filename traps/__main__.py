"""`python -m traps [TRAP ...]`: put each trap back into a copy of filmforge, and see a test fail. Four minutes for all.

Exit status 1 where one is not noticed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from traps.put_back import PutBack, copied, outcome, ready, reason
from traps.table import TRAPS


def main() -> None:
    """Print a line for each, as soon as it is known."""
    parser = argparse.ArgumentParser(prog="python -m traps", description=__doc__)
    parser.add_argument(
        "traps", nargs="*", metavar="TRAP", help="by number or name, such as 5 or frames; all when absent"
    )
    parser.add_argument(
        "--quick", action="store_true", help="do not first see that the tests pass as things are"
    )
    asked = parser.parse_args()
    chosen = [one for one in TRAPS if not asked.traps or one.trap in asked.traps]
    if unknown := set(asked.traps) - {one.trap for one in chosen}:
        parser.error(f"there is no trap called '{unknown.pop()}'")
    ready()
    if not asked.quick:
        as_things_are(chosen)
    noticed = [is_noticed(one) for one in chosen]
    print(f"{sum(noticed)} of {len(noticed)} noticed")
    sys.exit(not all(noticed))


def as_things_are(chosen: list[PutBack]) -> None:
    """End with what is said unless all tests pass: one that fails anyway would notice everything."""
    tests = list(dict.fromkeys(test for one in chosen for test in one.tests))
    with tempfile.TemporaryDirectory(prefix="traps-", ignore_cleanup_errors=True) as folder:
        copied(Path(folder), ())
        result, said = outcome(Path(folder), tests)
    print(f"as things are, {len(tests)} tests: {result}", flush=True)
    if result != "passed":
        sys.exit(said[-4000:])


def is_noticed(one: PutBack) -> bool:
    """Whether a test fails in a copy that has fallen into the trap."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="traps-", ignore_cleanup_errors=True) as folder:
        copied(Path(folder), one.edits)
        result, said = outcome(Path(folder), one.tests)
    words = {"passed": "NOT NOTICED", "failed": "noticed", "not run": "NOT RUN"}[result]
    print(f"{one.trap:8} {words:12} {time.monotonic() - began:4.0f} s  {one.what}", flush=True)
    print(f"{'':29}{reason(said)[:100]}", flush=True)
    if result != "failed":
        print(said[-2000:], file=sys.stderr)
    return result == "failed"


if __name__ == "__main__":
    main()
