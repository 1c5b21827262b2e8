"""The command line as a list of commands: what it says of them without loading one."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from harness.cli.main import COMMANDS, cli

HEAVY = {"pandas", "matplotlib", "pyarrow", "psycopg", "locust"}
LOADED = "import sys; from harness.cli.main import cli; cli(sys.argv[1:], standalone_mode=False); print(*sys.modules)"


def loaded(*arguments: str) -> set[str]:
    """The modules that a process has loaded when it has done what it was asked."""
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    modules = set(done.stdout.splitlines()[-1].split())
    assert {"click", "harness.cli.main"} <= modules
    return modules


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_what_the_list_says_of_it(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert command.help
    assert command.help.replace("\n", " ").startswith(COMMANDS[name][1].rstrip("."))


def test_the_list_is_whole_and_no_line_is_cut() -> None:
    shown = CliRunner().invoke(cli, ["--help"], terminal_width=120)
    assert shown.exit_code == 0
    for name, (_, does) in COMMANDS.items():
        (line,) = [line for line in shown.output.splitlines() if line.startswith(f"  {name} ")]
        assert line.endswith(does)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("rnu", 'did you mean "run"?'), ("Check", 'did you mean "check"?'), ("zzz", "known are run, report, check")],
)
def test_a_command_that_there_is_not_is_answered_with_the_nearest(written: str, meant: str) -> None:
    shown = CliRunner().invoke(cli, [written, "--help"])
    assert shown.exit_code == 2
    assert f'no command "{written}"; {meant}' in shown.output
    assert CliRunner().invoke(cli, ["--rnu"]).exit_code == 2


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_waits_for_no_library(argument: str) -> None:
    assert not HEAVY & loaded(argument)


def test_a_verdict_waits_for_no_pictures() -> None:
    assert "matplotlib" not in loaded("check", "--help")
