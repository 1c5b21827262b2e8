"""The command that removes what killed runs left on this machine."""

import click

from harness.environment.leftovers import remove_leftover_containers, remove_leftovers


@click.command()
def gc() -> None:
    """Remove what killed runs left; running ones stay.

    Removes processes, scratch files, containers, networks and volumes.

    \b
    Example:
      harness gc
    """
    for removed in (*remove_leftovers(), *remove_leftover_containers()):
        click.echo(removed)
