"""`python -m benchmarks [NAME ...]`: measure, print one table, and write a file only where one is asked for."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.measuring import Row, machine

NAMES = ("startup", "no_op", "first_build", "look_ups", "assembly", "render", "training")


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | filmforge | against | ratio | goal | |", "|---|---|---|---|---|---|"]
    for row in rows:
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        goal = f"≤ {row.goal:.2f}" if row.goal is not None else ""
        ends = "; ".join(filter(None, (row.verdict, row.note)))
        lines.append(f"| {row.what} | {row.ours} | {row.against} | {ratio} | {goal} | {ends} |")
    return "\n".join(lines)


def main() -> None:
    """Exit status 1 where a goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}; all when absent"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write what was measured as Markdown")
    asked = parser.parse_args()
    names = asked.names or list(NAMES)
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"there is no benchmark called '{unknown[0]}'; there are {', '.join(NAMES)}")
    date = time.strftime("%Y-%m-%d")
    about = machine()
    measured: dict[str, list[Row]] = {}
    for name in names:
        measured[name] = import_module(f"benchmarks.{name}").measure()
    rows = [row for found in measured.values() for row in found]
    words = "\n".join((f"{date}: {', '.join(f'{k} {v}' for k, v in about.items())}", "", table(rows)))
    print(words)
    if asked.markdown:
        asked.markdown.write_text(f"{words}\n", encoding="utf-8")
    if asked.json:
        found = {name: [row.to_json() for row in some] for name, some in measured.items()}
        document = {"date": date, "machine": about, "measured": found}
        asked.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.exit(any(row.verdict == "missed" for row in rows))


if __name__ == "__main__":
    main()
