"""The commands of ``harness``; every error ends as one message and one exit code."""

import importlib
import sys
import traceback
from typing import NoReturn

import click

from harness import __version__
from harness.cli.exit_codes import Exit
from harness.cli.signals import Terminated
from harness.errors import DiskFullError, EnvironmentFailedError, HarnessError, MeasurementError, nearest

COMMANDS = {
    "run": ("run", "Measure a PLAN before and after its migration, judge and report."),
    "report": ("report", "Render the report of a RUN again: same record, same bytes."),
    "check": ("report", "Judge a recorded RUN and exit with its outcome."),
    "compare": ("records", "Compare one arm of two recorded runs."),
    "history": ("records", "Follow one metric through recorded runs and find change points."),
    "worker": ("worker", "Generate load for a run on another machine."),
    "selftest": ("selftest", "Test the measurement on this machine with known outcomes."),
    "doctor": ("doctor", "Check whether this machine can run a local plan."),
    "gc": ("gc", "Remove what killed runs left; running ones stay."),
}
"""Module and description by command."""


class Commands(click.Group):
    """Commands that are imported when they are called: their imports take seconds."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's interface
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"harness.cli.{COMMANDS[cmd_name][0]}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown command with the name of a similar one."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f'no command "{args[0]}"; {nearest(args[0], COMMANDS)}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's interface
        """List the commands without importing their modules."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, does) for name, (_, does) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="harness")
def cli() -> None:
    """Prove under load what a database migration does to a service.

    \b
    Examples:
      harness run scenarios/demo.toml
      harness report runs/2026-11-22T10-15-00-demo
      harness check runs/2026-11-22T10-15-00-demo && deploy
    """


def main() -> NoReturn:
    """Run the command line; raises ``KeyboardInterrupt`` on Ctrl-C, after the cleanup."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.USAGE)
    except (KeyboardInterrupt, click.Abort):
        raise KeyboardInterrupt from None
    except Terminated:
        sys.exit(Exit.TERMINATED)
    except HarnessError as error:
        _fail(error)
    except Exception as error:  # noqa: BLE001 - the last resort
        if isinstance(error, OSError) and error.errno in DiskFullError.FULL:
            _fail(DiskFullError(error.filename or "a file of the run"))
        click.echo(traceback.format_exc(), err=True)  # a defect of the harness is no outcome: neither 0 nor 1
        sys.exit(Exit.INVALID)
    sys.exit(Exit.PASS)


def _fail(error: HarnessError) -> NoReturn:
    for line in (f"error: {error}", *getattr(error, "__notes__", [])):
        click.echo(line, err=True)
    sys.exit(_exit_code(error))


def _exit_code(error: HarnessError) -> Exit:
    match error:
        case EnvironmentFailedError() | DiskFullError():
            return Exit.ENVIRONMENT
        case MeasurementError():
            return Exit.INVALID
        case _:
            return Exit.USAGE
