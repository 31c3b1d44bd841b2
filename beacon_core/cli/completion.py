"""`beacon completion`."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  beacon completion bash >> ~/.bashrc
  beacon completion zsh >> ~/.zshrc
  beacon completion fish > ~/.config/fish/completions/beacon.fish
"""

_VARIABLE = "_BEACON_COMPLETE"  # click asks the program through it


@click.command(epilog=EPILOG, short_help="Complete commands and options in a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the lines that make a shell complete Beacon's commands and options."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - for this command only

    make = get_completion_class(shell)
    if make is None:  # a click without this shell
        raise click.UsageError(f"this version of click cannot complete in {shell}")
    click.echo(make(context.find_root().command, {}, "beacon", _VARIABLE).source())
