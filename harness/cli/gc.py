"""The command that removes what killed runs left on this machine."""

import click

from harness.environment.leftovers import collect, collect_containers


@click.command()
def gc() -> None:
    """Remove processes, scratch files and containers that killed runs left; running ones stay.

    \b
    Example:
      harness gc
    """
    for removed in (*collect(), *collect_containers()):
        click.echo(removed)
