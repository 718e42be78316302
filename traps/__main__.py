"""`python -m traps [TRAP ...]`: put each trap back into a copy of filmforge, and see a test fail. Half an hour for all.

Exit status 1 where one is not noticed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from traps.put_back import copied, ready, status_of
from traps.table import TRAPS

_SAID = {0: "NOT NOTICED", 1: "noticed"}
"""By pytest's exit status. Any other means that the tests did not run: a test that is not there, or a wrong edit."""


def main() -> None:
    """Print a line for each, as soon as it is known."""
    parser = argparse.ArgumentParser(prog="python -m traps", description=__doc__)
    parser.add_argument(
        "traps", nargs="*", metavar="TRAP", help="by number or name, such as 5 or frames; all when absent"
    )
    asked = parser.parse_args()
    chosen = [one for one in TRAPS if not asked.traps or one.trap in asked.traps]
    if unknown := set(asked.traps) - {one.trap for one in chosen}:
        parser.error(f"there is no trap called '{unknown.pop()}'")
    ready()
    missed = 0
    for one in chosen:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="traps-", ignore_cleanup_errors=True) as folder:
            place = Path(folder)
            copied(place, one.edits)
            status = status_of(place, one.tests)
            said = (place / "said").read_text(encoding="utf-8", errors="replace")
        result = _SAID.get(status, f"the tests did not run ({status})")
        print(f"{one.trap:8} {result:12} {time.monotonic() - began:4.0f} s  {one.what}", flush=True)
        if status != 1:
            missed += 1
            print(said[-3000:], file=sys.stderr)
    print(f"{len(chosen) - missed} of {len(chosen)} noticed")
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
