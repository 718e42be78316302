"""Writes what is generated (the JSON Schema, the page of command help), or checks that it is current."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent


def command_help() -> str:
    """`docs/commands.md`: every command with its help text, as the terminal shows it."""
    from filmforge.cli.main import COMMANDS, filmforge

    parts = ["# Commands\n\nGenerated from the commands' own help by `make generated`.\n"]
    for name in (None, *COMMANDS):
        context = click.Context(filmforge, info_name="filmforge", max_content_width=100)
        command: click.Command = filmforge
        if name is not None:
            found = filmforge.get_command(context, name)
            assert found is not None
            command, context = (
                found,
                click.Context(found, info_name=name, parent=context, max_content_width=100),
            )
        title = f"filmforge {name}" if name else "filmforge"
        parts.append(f"## {title}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def film_schema() -> str:
    """`schemas/film.schema.json`."""
    from filmforge.language.schema import json_schema

    return json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n"


def traps() -> str:
    """`docs/traps.md`: the list of `traps/table.py`."""
    sys.path.insert(0, str(ROOT))
    from traps.page import page

    return page()


GENERATED = {
    "docs/commands.md": command_help,
    "docs/traps.md": traps,
    "schemas/film.schema.json": film_schema,
}


def main() -> None:
    stale = []
    for name, make in GENERATED.items():
        path, text = ROOT / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if stale and "--check" in sys.argv:
        sys.exit(f"not current: {', '.join(stale)}; run: make generated")


if __name__ == "__main__":
    main()
