"""The command `filmforge`: the list of commands, and how errors end. Each command is imported when it is called."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import click

from filmforge import __version__
from filmforge.errors import FilmforgeError

COMMANDS = {
    "init": "A new film project that builds at once.",
    "check": "Every error in the film file, with its place.",
    "plan": "What would run and why, with estimates; runs nothing.",
    "build": "Train what is missing, render what changed, assemble the cut.",
    "why": "Why a step is, or is not, up to date.",
    "train": "Train only one character's LoRAs.",
    "lora": "What is in a LoRA file, and the same LoRA for ComfyUI, diffusers or a film.",
    "fetch": "Download the weights that the film needs; afterwards all works offline.",
    "take": "Render a fresh take of a shot.",
    "pick": "Choose the take that is in the cut.",
    "diff": "Which shots, LoRAs and cuts differ between git revisions, and in what.",
    "status": "The film at a glance: a row a shot.",
    "show": "Where a shot, a take, a LoRA or a delivered file came from.",
    "models": "The families of models, with their facts.",
    "doctor": "What this machine can run.",
    "gc": "Free space: drop results that nothing needs.",
    "verify": "Check every stored byte.",
    "schema": "The JSON Schema of the film language.",
    "completion": "Shell completion for bash, zsh or fish.",
}
"""Every command with its one line of help; a command's module is `filmforge.cli.NAME`, its function `NAME`."""


class Commands(click.Group):
    """A group that imports a command when it is called, and lists them without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"filmforge.cli.{name}"), name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from filmforge.language.nearest import nearest

            near = nearest(args[0], list(COMMANDS))
            hint = f"; did you mean '{near}'?" if near else "; see filmforge --help"
            raise click.UsageError(f"there is no command '{args[0]}'{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", message="filmforge %(version)s")
def filmforge() -> None:
    """Builds films made with open-weight video models: one film.yaml, and only what changed is made again.

    \b
    filmforge init my-film        a new project that builds at once
    filmforge build my-film       trains, renders, assembles
    filmforge why my-film SHOT    why a shot is, or is not, up to date
    """


class _NoPlugins(ModuleType):
    """Stands in for pydantic's loader of plugins, which imports importlib.metadata even when told to look for none.

    Whatever else pydantic may want of that module is the real one's.
    """

    REAL = "pydantic.plugin._loader"

    @staticmethod
    def get_plugins() -> tuple[()]:
        return ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.REAL) is self:
            del sys.modules[self.REAL]
        return getattr(import_module(self.REAL), name)


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 a step failed, 2 the film or the command is wrong, 130 interrupted."""
    # Looking for plugins of pydantic, and for garbage among modules and films that stay, both cost more than
    # a check.
    if os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__") == "__all__":
        sys.modules.setdefault(_NoPlugins.REAL, _NoPlugins(_NoPlugins.REAL))
    gc.set_threshold(100_000)
    try:
        sys.exit(filmforge.main(standalone_mode=False, prog_name="filmforge") or 0)
    except (click.exceptions.Abort, KeyboardInterrupt):  # click turns the one into the other
        click.echo("interrupted; what was finished is kept", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except FilmforgeError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    finally:
        gc.freeze()  # the process ends, and what it holds need not be searched for garbage first
