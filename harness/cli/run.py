"""The command that measures a plan."""

import contextlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from harness.cli.exit_codes import Exit
from harness.cli.progress import LiveObserver, PlainObserver
from harness.cli.report import show, write_reports
from harness.cli.signals import terminable
from harness.environment.base import Environment, create
from harness.plan.file import read_plan
from harness.plan.model import Plan
from harness.record.run_folder import RunFolder
from harness.run.address import DEFAULT, parse_address, try_to_bind
from harness.run.campaign import run_campaign
from harness.run.context import RunContext, Source
from harness.run.experiment import Effort
from harness.run.generator_process import Remote, check_users

_say = partial(click.echo, err=True)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of ``harness run``, as click names them."""

    out: Path
    profile: str | None
    blocks: int | None
    control: bool
    placebo: bool
    until_decided: bool
    budget: str
    no_confirm: bool
    ablate: bool
    no_attribution: bool
    no_during: bool
    plain: bool
    workers: int | None
    bind: str
    allow_remote: bool


@click.command()
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Output folder.")
@click.option("--profile", metavar="NAME", help="Scale time and blocks as [profiles.NAME] of the plan; targets stay.")
@click.option("--blocks", type=click.IntRange(1, 100), help="Number of blocks, instead of the plan's.")
@click.option("--control", is_flag=True, help="Measure before twice: the A/A noise of this machine.")
@click.option("--placebo", is_flag=True, help="Measure before again with vacuumed and analysed tables.")
@click.option("--until-decided", is_flag=True, help="Add blocks until every target is decided or --budget is spent.")
@click.option("--budget", default="1h", show_default=True, metavar="TIME", help="Time limit of --until-decided.")
@click.option("--no-confirm", is_flag=True, help="Do not repeat the measurement after a FAIL.")
@click.option("--ablate", is_flag=True, help="Finally re-test with each new index dropped in turn.")
@click.option("--no-attribution", is_flag=True, help="Do not measure the steps of [attribution].")
@click.option("--no-during", is_flag=True, help="Skip the migration under load of [migration].")
@click.option("--plain", is_flag=True, help="Plain lines without colour; the default without a terminal.")
@click.option("--workers", type=click.IntRange(1, 256), help="Generate the load with this many `harness worker`.")
@click.option("--bind", default=DEFAULT, show_default=True, metavar="HOST:PORT", help="Listen for workers here.")
@click.option("--allow-remote", is_flag=True, help="Accept connections from other machines: see docs/workers.md.")
def run(*, plan: Path, **values: Any) -> None:  # noqa: ANN401 - click checks the options
    """Measure a PLAN before and after its migration, judge and report.

    A plan with [attribution] also measures the steps between before and after. A plan with [migration] during = true
    applies and rolls back the migration under load after the blocks: docs/migration.md.

    A target that fails on a change is measured again in a fresh environment; it is a FAIL if it fails twice. --control
    stores the noise of this machine in OUT/noise for later runs: docs/noise.md.

    \b
    Examples:
      harness run scenarios/demo.toml
      harness run scenarios/demo.toml --control
      harness run plan.toml --until-decided --budget 30m
      harness run scenarios/back_006.toml --blocks 10 --out /tmp/runs
      harness run plan.toml --ablate           what each new index saves and costs: docs/indexes.md
      harness run steps.toml --no-attribution
      harness run scenarios/migration.toml --no-during
      harness run plan.toml --profile quick    with [profiles.quick] time = 0.05, blocks = 3 in the plan
      harness run plan.toml --workers 3        with three `harness worker` here or on other machines

    Exit codes: 0 PASS, 1 FAIL, 2 usage or plan error, 3 INCONCLUSIVE, 4 INVALID, 5 environment, 130 Ctrl-C.
    """
    options = RunOptions(**values)
    remote = _remote(options)
    source, effort = _source(plan, options), _effort(options)
    _check(source.plan, options)
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    folder = RunFolder.create(options.out, f"{stamp}-{plan.stem}")
    _say(_announcement(source.plan, options, folder))
    observer = _observer(source.plan, plain=options.plain)

    def environment(part: Plan) -> Environment:
        return create(part, source.base, folder.logs, observer.say)

    with terminable(), _complete_legs_on_error(folder), observer:
        context = RunContext(source, folder, environment(source.plan), observer, remote=remote)
        result = run_campaign(context, effort, environment)
        write_reports(folder, result)
    show(result, plain=options.plain)
    click.echo(f"report  {folder.path / 'report.html'}")
    sys.exit(Exit[result.verdict.outcome])


def _source(path: Path, options: RunOptions) -> Source:
    """The plan with the arms that the options add, without the parts that they skip."""
    plan, text = read_plan(path, options.profile)
    if options.workers and plan.searched:
        raise click.UsageError("--workers: a capacity search runs in one process; remove --workers")
    user_files = check_users(plan, path, path.resolve().parent)
    if options.no_attribution:
        plan = plan.model_copy(update={"attribution": None})
    if options.no_during:
        plan = plan.model_copy(update={"migration": None})
    copies = [arm for arm, wanted in (("control", options.control), ("placebo", options.placebo)) if wanted]
    return Source(plan.with_copies(*copies), text, path, user_files)


def _effort(options: RunOptions) -> Effort:
    seconds = _seconds(options.budget) if options.until_decided else None
    return Effort(options.blocks, seconds, confirm=not options.no_confirm, ablate=options.ablate)


def _check(plan: Plan, options: RunOptions) -> None:
    """Refuse options that do not fit the plan; the ``UsageError`` names the option and the reason."""
    own_database = plan.environment.own_database
    if options.placebo and not own_database:
        raise click.UsageError("--placebo: a run vacuums a database that it starts, and this plan has none; remove it")
    if options.ablate and (plan.answers is None or not own_database):
        raise click.UsageError("--ablate needs [answers] in the plan, and databases that the run starts")
    if options.until_decided and (options.workers or plan.sequential):
        raise click.UsageError("--until-decided needs interleaved blocks and no --workers")


def _announcement(plan: Plan, options: RunOptions, folder: RunFolder) -> str:
    profile = f", profile {options.profile}" if options.profile else ""
    blocks = options.blocks or plan.load.blocks
    sequential = ", sequential" if plan.sequential else ""
    *names, last = plan.arms_in_order
    return f"{plan.name}: {blocks} blocks of {', '.join(names)} and {last}{sequential}{profile}; output {folder.path}"


def _observer(plan: Plan, *, plain: bool) -> LiveObserver | PlainObserver:
    """Plain lines by option or without a terminal, else a live line."""
    console = Console(stderr=True)
    if plain or not console.is_terminal:
        return PlainObserver(plan, _say)
    return LiveObserver(plan, console)


def _remote(options: RunOptions) -> Remote | None:
    """The workers of ``--workers``; binds their address once, so that a wrong one fails early."""
    if options.workers is None:
        if options.bind != DEFAULT or options.allow_remote:
            raise click.UsageError("--bind and --allow-remote need --workers")
        return None
    try_to_bind("--bind", parse_address("--bind", options.bind, allow_remote=options.allow_remote))
    return Remote(options.workers, options.bind)


def _seconds(text: str) -> float:
    """Seconds of a time such as 90, 90s, 30m or 1.5h."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)?", text.strip())
    if not match or not float(match[1]):
        raise click.UsageError(f'--budget: "{text}" is not a time; write 90s, 30m or 2h')
    return float(match[1]) * {"h": 3600, "m": 60, "min": 60}.get(match[2] or "s", 1)


@contextlib.contextmanager
def _complete_legs_on_error(folder: RunFolder) -> Iterator[None]:
    """If the run ends early, print how many legs are recorded."""
    try:
        yield
    except BaseException:
        legs = len(list(folder.path.glob("trials/*/windows.json")))
        _say(f"{legs} complete legs in {folder.path}" + (f"; harness report {folder.path}" if legs else ""))
        raise
