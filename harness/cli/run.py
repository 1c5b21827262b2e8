"""The command that measures a plan."""

import contextlib
import re
import sys
from collections.abc import Iterable, Iterator
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
from reports.progress import ProgressLine
from reports.sections.noise import foresee

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
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where runs go.")
@click.option("--profile", metavar="NAME", help="Scale time and blocks by [profiles.NAME] of the plan; targets stay.")
@click.option("--blocks", type=click.IntRange(1, 100), help="Repeat the comparison this often, whatever the plan says.")
@click.option("--control", is_flag=True, help="Measure before twice: how much equal arms differ on this machine.")
@click.option("--placebo", is_flag=True, help="Measure before once more with its tables vacuumed and analysed.")
@click.option("--until-decided", is_flag=True, help="Add blocks until targets are known precisely, or time is over.")
@click.option("--budget", default="1h", show_default=True, metavar="TIME", help="How long --until-decided may go on.")
@click.option("--no-confirm", is_flag=True, help="Do not measure once more what failed on a change.")
@click.option("--ablate", is_flag=True, help="In the end ask after without each index of the migration, one at a time.")
@click.option("--no-attribution", is_flag=True, help="Measure before and after only, not the steps between them.")
@click.option("--no-during", is_flag=True, help="Do not try the migration under load, as [migration] asks for.")
@click.option("--plain", is_flag=True, help="Plain lines without colour (the default without a terminal).")
@click.option("--workers", type=click.IntRange(1, 256), help="Wait for so many `harness worker` and load with them.")
@click.option("--bind", default=DEFAULT, show_default=True, metavar="HOST:PORT", help="Where workers reach this run.")
@click.option("--allow-remote", is_flag=True, help="Bind to an address that other machines reach: see docs/workers.md.")
def run(*, plan: Path, **given: Any) -> None:  # noqa: ANN401 - the options, which click has checked
    """Measure a PLAN: start, migrate, load both arms in turns, judge, report.

    A plan whose [environment] lists services measures them as one system: each has a database of its own, all are up
    in every leg.

    A plan with [attribution] names the steps between the arms; each is measured too, and the report says which step
    did what.

    A plan with [migration] during = true tries its migration once more after the blocks, while requests flow, and
    rolls it back: see docs/migration.md.

    A target that fails on a change is measured once more, in as many blocks and a fresh environment; it fails when it
    fails again. What a control arm says is kept in RUNS/noise: later runs know what this machine can tell.

    \b
    Examples:
      harness run scenarios/demo.toml
      harness run scenarios/demo.toml --control
      harness run plan.toml --until-decided --budget 30m
      harness run scenarios/back_006.toml --blocks 10 --out /tmp/runs
      harness run plan.toml --ablate           what each index of the migration saves and costs: docs/evidence.md
      harness run steps.toml --no-attribution
      harness run scenarios/migration.toml --no-during    without trying the migration under load
      harness run plan.toml --profile quick    with [profiles.quick] time = 0.05, blocks = 3 in the plan
      harness run plan.toml --workers 3        loads from three other processes or machines (harness worker)

    Exit codes: 0 PASS, 1 FAIL, 2 usage or plan error, 3 INCONCLUSIVE, 4 INVALID, 5 environment, 130 Ctrl-C.
    """
    options = RunOptions(**given)
    remote = _remote(options)
    source, effort = _source(plan, options), _effort(options)
    _check(source.plan, options)
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    folder = RunFolder.create(options.out, f"{stamp}-{plan.stem}")
    _say(_announcement(source.plan, options, folder))
    observer = _observer(source.plan, plain=options.plain)

    def environment(part: Plan) -> Environment:
        return create(part, source.base, folder.logs, observer.say)

    with terminable(), _hint(folder), observer:
        context = RunContext(source, folder, environment(source.plan), observer, remote=remote)
        analysis = run_campaign(context, effort, environment)
        write_reports(folder, analysis)
    show(analysis, plain=options.plain)
    click.echo(f"report  {folder.path / 'report.html'}")
    sys.exit(Exit[analysis.verdict.outcome])


def _source(path: Path, options: RunOptions) -> Source:
    """The plan with the arms that the options add and without the parts that they leave out."""
    plan, text = read_plan(path, options.profile)
    if options.workers and plan.searched:
        raise click.UsageError("--workers: a search is conducted by one process; leave --workers out")
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
    """Refuse options that the plan cannot serve.

    Raises:
        UsageError: naming the option and the reason.
    """
    external = plan.environment.kind == "external"
    if options.placebo and external:
        raise click.UsageError("--placebo: a system that runs already is not vacuumed")
    if options.ablate and (external or plan.answers is None):
        raise click.UsageError("--ablate needs databases that the run starts, and [answers]: what after is asked")
    if options.until_decided and (options.workers or plan.sequential):
        raise click.UsageError("--until-decided needs arms that take turns, and load that is made here")


def _announcement(plan: Plan, options: RunOptions, folder: RunFolder) -> str:
    scaled = f" under profile {options.profile}" if options.profile else ""
    blocks = options.blocks or plan.load.blocks
    how = ", one after the other," if plan.sequential else ""
    return f"{plan.name}: {blocks} blocks of {_listed(plan.arms_in_order)}{how}{scaled} into {folder.path}"


def _observer(plan: Plan, *, plain: bool) -> LiveObserver | PlainObserver:
    """Plain lines where they are wanted, or where there is no terminal."""
    console = Console(stderr=True)
    if plain or not console.is_terminal:
        return PlainObserver(plan, ProgressLine, _say, foresee)
    return LiveObserver(plan, ProgressLine, console, foresee)


def _remote(options: RunOptions) -> Remote | None:
    """The workers of other machines; the address is tried before anything is started."""
    if options.workers is None:
        if options.bind != DEFAULT or options.allow_remote:
            raise click.UsageError("--bind and --allow-remote are about workers: say how many with --workers")
        return None
    try_to_bind("--bind", parse_address("--bind", options.bind, allow_remote=options.allow_remote))
    return Remote(options.workers, options.bind)


def _seconds(text: str) -> float:
    """The seconds of a time such as 90, 90s, 30m or 1.5h."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)?", text.strip())
    if not match or not float(match[1]):
        raise click.UsageError(f'--budget: cannot read "{text}"; a time looks like 90s, 30m or 2h')
    return float(match[1]) * {"h": 3600, "m": 60, "min": 60}.get(match[2] or "s", 1)


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}"


@contextlib.contextmanager
def _hint(folder: RunFolder) -> Iterator[None]:
    """Where a run ends early, print how much of it is recorded."""
    try:
        yield
    except BaseException:
        legs = len(list(folder.path.glob("trials/*/windows.json")))
        _say(f"{legs} complete legs are in {folder.path}" + (f"; harness report {folder.path}" if legs else ""))
        raise
