"""How things look in a terminal, a pipe and a CI log."""

from __future__ import annotations

from collections.abc import Sequence


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 8s, 3m 05s, 2h 10m."""
    if seconds is None:
        return "?"
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def counted(count: int, thing: str) -> str:
    """So many of a thing: 1 shot, 2 shots."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def size(count: float) -> str:
    """Bytes as people say them: 812 B, 3.4 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a head: boxed and wrapped in a terminal, one plain line a row elsewhere."""
    import sys

    if not sys.stdout.isatty():
        widths = [max(len(str(r[i])) for r in (head, *rows)) for i in range(len(head) - 1)]
        for row in (head, *rows):
            cells = [str(cell).ljust(width) for cell, width in zip(row, widths, strict=False)]
            print("  ".join((*cells, str(row[-1]))).rstrip())
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(head):
        drawn.add_column(name, overflow="fold", no_wrap=index < len(head) - 1)
    for row in rows:
        drawn.add_row(*(Text(str(cell)) for cell in row))
    Console().print(drawn)
