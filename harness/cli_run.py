"""The part of the command line that measures: what is to be done, on what, and how it is said meanwhile."""

import contextlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from harness.campaign import Effort, carry_out
from harness.cli_exit import Exit
from harness.cli_report import show, write_reports
from harness.environment.external import ExternalEnvironment
from harness.environment.leftovers import collect, collect_containers
from harness.environment.local import LocalEnvironment
from harness.experiment import Environment, Source
from harness.load import Remote, check_users
from harness.plan import Plan
from harness.plan_file import read_plan
from harness.running.address import DEFAULT, parse_address, try_to_bind
from harness.running.observers import LiveObserver, PlainObserver
from harness.running.signals import terminable
from harness.store import RunFolder
from reports.noise import foresee
from reports.progress import progress_line

_say = partial(click.echo, err=True)


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
def run(
    *,
    plan: Path,
    out: Path,
    profile: str | None,
    blocks: int | None,
    workers: int | None,
    bind: str,
    control: bool,
    placebo: bool,
    until_decided: bool,
    budget: str,
    no_confirm: bool,
    ablate: bool,
    no_attribution: bool,
    no_during: bool,
    plain: bool,
    allow_remote: bool,
) -> None:
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
    remote = _remote(workers, bind, allowed=allow_remote)
    parsed, text = read_plan(plan, profile)
    if remote and parsed.searched:
        raise click.UsageError("--workers: a search is conducted by one process; leave --workers out")
    user_files = check_users(parsed, plan, plan.resolve().parent)
    if no_attribution:
        parsed = parsed.model_copy(update={"attribution": None})
    if no_during:
        parsed = parsed.model_copy(update={"migration": None})
    parsed = parsed.with_copies(*(["control"] if control else []), *(["placebo"] if placebo else []))
    if placebo and parsed.environment.kind == "external":
        raise click.UsageError("--placebo: a system that runs already is not vacuumed")
    effort = Effort(blocks, _seconds(budget) if until_decided else None, confirm=not no_confirm, ablate=ablate)
    if ablate and (parsed.environment.kind == "external" or parsed.answers is None):
        raise click.UsageError("--ablate needs databases that the run starts, and [answers]: what after is asked")
    if until_decided and (remote or parsed.sequential):
        raise click.UsageError("--until-decided needs arms that take turns, and load that is made here")
    source = Source(parsed, text, plan, user_files)
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    folder = RunFolder.create(out, f"{stamp}-{plan.stem}")
    scaled = f" under profile {profile}" if profile else ""
    count = blocks or parsed.load.blocks
    how = ", one after the other," if parsed.sequential else ""
    _say(f"{parsed.name}: {count} blocks of {_listed(parsed.arms_in_order)}{how}{scaled} into {folder.path}")
    console = Console(stderr=True)
    observer = (
        PlainObserver(parsed, progress_line, _say, foresee)
        if plain or not console.is_terminal
        else LiveObserver(parsed, progress_line, console, foresee)
    )
    with terminable(), _hint(folder), observer:
        analysis = carry_out(
            source,
            folder,
            lambda part: _environment(part, source.base, folder.logs, observer.say),
            observer,
            effort,
            remote=remote,
        )
        write_reports(folder, analysis)
    show(analysis, plain=plain)
    click.echo(f"report  {folder.path / 'report.html'}")
    sys.exit(Exit[analysis.verdict.outcome])


def _environment(plan: Plan, base: Path, logs: Path, say: Callable[[str], None]) -> Environment:
    """The environment of a plan; containers that killed runs left behind are removed before new ones are made."""
    for done in collect():
        say(done)
    if plan.environment.kind == "local":
        return LocalEnvironment(plan, base, logs, say)
    if plan.environment.kind == "external":
        return ExternalEnvironment(plan, base, logs, say)
    from harness.environment.compose import ComposeEnvironment  # noqa: PLC0415 - the SDK takes a second

    for done in collect_containers():
        say(done)
    return ComposeEnvironment(plan, base, logs, say)


def _remote(workers: int | None, bind: str, *, allowed: bool) -> Remote | None:
    """The workers of other machines; the address is tried before anything is started."""
    if workers is None:
        if bind != DEFAULT or allowed:
            raise click.UsageError("--bind and --allow-remote are about workers: say how many with --workers")
        return None
    try_to_bind("--bind", parse_address("--bind", bind, allow_remote=allowed))
    return Remote(workers, bind)


def _seconds(text: str) -> float:
    """A time as people write it: 90, 90s, 30m, 1.5h."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)?", text.strip())
    if not match or not float(match[1]):
        raise click.UsageError(f'--budget: cannot read "{text}"; a time looks like 90s, 30m or 2h')
    return float(match[1]) * {"h": 3600, "m": 60, "min": 60}.get(match[2] or "s", 1)


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}"


@contextlib.contextmanager
def _hint(folder: RunFolder) -> Iterator[None]:
    """When a run ends early, say what it leaves."""
    try:
        yield
    except BaseException:
        legs = len(list(folder.path.glob("trials/*/windows.json")))
        _say(f"{legs} complete legs are in {folder.path}" + (f"; harness report {folder.path}" if legs else ""))
        raise
