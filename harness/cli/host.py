"""The part of the command line that looks after this machine: what is missing on it, and what was left on it."""

import sys

import click

from harness.cli.doctor import check_host
from harness.cli.exit_codes import Exit
from harness.environment.leftovers import collect, collect_containers


@click.command()
def doctor() -> None:
    """Say whether this machine can run a local plan, and what is missing.

    \b
    Example:
      harness doctor
    """
    missing = False
    for finding in check_host():
        mark = "✓" if not finding.fix else "✗" if finding.needed else "!"
        missing |= bool(finding.fix) and finding.needed
        click.echo(f"  {mark} {finding.what:<15} {finding.found}" + (f"\n      {finding.fix}" if finding.fix else ""))
    sys.exit(Exit.ENVIRONMENT if missing else Exit.PASS)


@click.command()
def gc() -> None:
    """Remove what killed runs left behind; running ones are not touched.

    \b
    Example:
      harness gc
    """
    for done in (*collect(), *collect_containers()):
        click.echo(done)
