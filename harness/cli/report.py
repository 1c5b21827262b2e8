"""The commands that render and judge one recorded run."""

import sys
from pathlib import Path

import click

import reports
from harness.cli.exit_codes import Exit
from harness.cli.terminal import terminal
from harness.record.run_folder import RunFolder
from harness.verdict.result import Result, analyse


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
def report(run_folder: Path) -> None:
    """Render the report of a RUN again: same record, same bytes.

    \b
    Example:
      harness report runs/2026-11-22T10-15-00-demo
    """
    folder = RunFolder.open(run_folder)
    write_reports(folder, analyse(folder))
    click.echo(f"report  {folder.path / 'report.html'}")


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
def check(run_folder: Path) -> None:
    """Judge a recorded RUN and exit with its outcome.

    \b
    Example:
      harness check runs/2026-11-22T10-15-00-demo || echo "do not deploy"

    Exit codes: 0 PASS, 1 FAIL, 2 not a run folder, 3 INCONCLUSIVE, 4 INVALID.
    """
    result = analyse(RunFolder.open(run_folder))
    show(result)
    sys.exit(Exit[result.verdict.outcome])


def write_reports(folder: RunFolder, result: Result) -> None:
    """Write every derived file of a run into its folder."""
    for name, content in reports.render(result).items():
        folder.write(name, content)


def show(result: Result, *, plain: bool = False) -> None:
    """Print the verdict in the width and characters of the terminal; ``plain``: without colour."""
    click.echo(reports.text(result, **terminal(plain=plain)))
