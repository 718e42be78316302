"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from filmforge.building.events import Event
    from filmforge.project import Project

F = TypeVar("F", bound=Callable[..., Any])

film_argument = click.argument("film", default="film.yaml", type=click.Path(path_type=Path))
required_film = click.argument("film", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print data as JSON.")
store_option = click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Where results are kept; .filmforge beside the film if absent.",
)


def film_options(command: F) -> F:
    """`--profile`, `--set` and `--store`: which film exactly."""
    for option in (
        store_option,
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="KEY.PATH=VALUE",
            help="Set a value of the film for this run.",
        ),
        click.option("--profile", metavar="NAME", help="Lay a profile of the film over it."),
    ):
        command = option(command)
    return command


only_option = click.option(
    "--only", multiple=True, metavar="SHOT", help="Only this shot (scene/shot) or scene; may be given again."
)


def load_project(film: Path, profile: str | None, overrides: tuple[str, ...], store: Path | None) -> Project:
    """The project that the options name."""
    from filmforge.project import load

    return load(film, profile=profile, overrides=overrides, store=store)


def print_json(data: Any) -> None:
    """Print one JSON document."""
    import json  # here: most commands print none, and `check` runs at every save

    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


@contextmanager
def told(as_json: bool) -> Iterator[Callable[[Event], None]]:
    """What a build's events go to: one JSON object a line, or the progress on the screen."""
    if as_json:
        import json

        yield lambda event: print(json.dumps(event.to_json(), ensure_ascii=False), flush=True)
        return
    from filmforge.cli.progress import progress

    with progress() as on_event:
        yield on_event
