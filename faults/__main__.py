"""`python -m faults [NAME ...]`: do every fault, print one table, and write it only where a file is asked for."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.measuring import machine, say
from faults.found import Found

NAMES = (
    "kills", "checkpoints", "stored", "power", "full_disk", "together", "locks", "edits", "clock", "workers", "texts",
    "names",
)  # fmt: skip
"""Every fault, in the order of the table; each is a module with `run(count, seed, folder)`, SHORT and LONG."""


def table(rows: Sequence[tuple[Found, float]]) -> str:
    """The results as a Markdown table."""
    lines = ["| fault | shown | done | result | |", "| --- | --- | --- | --- | --- |"]
    for found, seconds in rows:
        note = f"{found.note}; {seconds:.0f} s" if found.note else f"{seconds:.0f} s"
        what, shown = (text.replace("|", "\\|") for text in (found.what, found.shown))
        lines.append(f"| {what} | {shown} | {found.done:,} {found.unit} | {found.verdict} | {note} |")
    return "\n".join(lines)


def main() -> None:
    """Exit status 1 where a fault was not stood."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}; all when absent"
    )
    parser.add_argument("--count", type=int, help="how often each; its own long number when absent")
    parser.add_argument("--short", action="store_true", help="as often as the tests do")
    parser.add_argument("--seed", type=int, default=0, help="for all that is drawn by chance (0)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table to FILE as well")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in NAMES]:
        parser.error(f"there is no fault called '{unknown[0]}'; there are {', '.join(NAMES)}")
    rows: list[tuple[Found, float]] = []
    for name in asked.names or NAMES:
        module = import_module(f"faults.{name}")
        count = asked.count or (module.SHORT if asked.short else module.LONG)
        say(f"{name}: {count}")
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
            found = module.run(count, asked.seed, Path(folder))
        rows.append((found, time.monotonic() - began))
        for failure in found.failures[:5]:
            say(f"{name}: {failure}")
        if asked.markdown:  # after each, as the whole takes hours
            about = ", ".join(f"{k} {v}" for k, v in machine().items())
            date = time.strftime("%Y-%m-%d")
            asked.markdown.write_text(
                f"{date}, seed {asked.seed}: {about}\n\n{table(rows)}\n", encoding="utf-8"
            )
    print(table(rows))
    sys.exit(any(found.failures for found, _ in rows))


if __name__ == "__main__":
    main()
