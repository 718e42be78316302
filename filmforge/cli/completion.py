"""`filmforge completion`: a script that makes the shell complete commands and options."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    eval "$(filmforge completion bash)"           in ~/.bashrc
    eval "$(filmforge completion zsh)"            in ~/.zshrc
    filmforge completion fish | source            in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from filmforge.cli.main import filmforge

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(filmforge, {}, "filmforge", "_FILMFORGE_COMPLETE").source())
