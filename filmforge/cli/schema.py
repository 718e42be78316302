"""`filmforge schema`: the JSON Schema of the film language, for editors."""

from __future__ import annotations

import click

from filmforge.cli.options import print_json


@click.command()
def schema() -> None:
    """Print the JSON Schema of the film language."""
    from filmforge.language.schema import json_schema

    print_json(json_schema())
