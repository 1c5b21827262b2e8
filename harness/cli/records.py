"""The part of the command line that looks back at recorded runs: two side by side, and many in a row."""

import sys
from pathlib import Path

import click

import reports
from harness.analysis.comparable import incomparable_facts
from harness.analysis.comparison import contrast
from harness.analysis.history import require_otava, series_of
from harness.cli.exit_codes import Exit
from harness.cli.terminal import terminal
from harness.errors import IncomparableError, RunFolderError
from harness.metrics import METRICS
from harness.plan.model import ARMS
from harness.record.archive import HistoryQuery, read_archive
from harness.record.run_folder import RunFolder
from harness.verdict.analyse import analyse
from harness.verdict.outcomes import outcomes_of
from harness.verdict.result import Result

WHICH_ARM = click.option(
    "--arm", type=click.Choice(ARMS), default="after", show_default=True, help="Which arm of each."
)


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@WHICH_ARM
@click.option("--force", is_flag=True, help="Compare although facts differ; they are listed.")
def compare(old: Path, new: Path, arm: str, *, force: bool) -> None:
    """Set one arm of two recorded runs side by side: sequential and unpaired, so nothing is judged.

    Runs that differ in host, versions, settings, seed, load, faults or user files are refused. Targets, the number of
    blocks and the arms may differ.

    \b
    Examples:
      harness compare runs/2026-11-01T09-00-00-demo runs/2026-11-22T10-15-00-demo
      harness compare LAST_RELEASE THIS_RELEASE --arm before
    """
    before, after = (_analysed(path) for path in (old, new))
    facts = incomparable_facts(before.setup, before.plan, after.setup, after.plan)
    if facts and not force:
        listed = "".join(f"\n  {fact}" for fact in facts)
        raise IncomparableError(f"{old} and {new} do not measure the same thing (--force to compare anyway){listed}")
    comparison = contrast(before.summary, after.summary, arm)
    broken = [
        f"{path}: {breach.seen}" for path, side in ((old, before), (new, after)) for breach in side.verdict.breaches
    ]
    outcomes = outcomes_of(comparison, after.plan.judgement, floors=after.floors, valid=not broken)
    click.echo(
        reports.side_by_side(comparison, outcomes, arm=arm, differing=facts, broken=broken, width=terminal()["width"])
    )


@click.command()
@click.argument("runs", metavar="[RUNS_DIR]", type=click.Path(path_type=Path), default=Path("runs"))
@click.option(
    "--metric",
    type=click.Choice(tuple(METRICS)),
    metavar="NAME",
    default="p95",
    show_default=True,
    help="What is followed, as targets call it.",
)
@click.option("--stage", help="In this stage; without it, in all but ramps.")
@click.option("--endpoint", help="Of this endpoint; without it, of all requests.")
@WHICH_ARM
@click.option("--plan", metavar="NAME", help="Runs of the plan of this name alone.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, unrounded.")
@click.option("--fail-on-change", is_flag=True, help="Exit with 1 when a line of runs has a change point.")
def history(
    *,
    runs: Path,
    metric: str,
    stage: str | None,
    endpoint: str | None,
    arm: str,
    plan: str | None,
    as_json: bool,
    fail_on_change: bool,
) -> None:
    """Follow one number through all recorded runs of RUNS_DIR, and say when it changed for good.

    Runs that cannot be compared are on lines of their own, with what sets them apart; runs that are damaged, broke, or
    have no such value are skipped with a note. Change points are looked for on lines of eight or more runs.

    \b
    Examples:
      harness history
      harness history runs --metric p99 --stage sustain --endpoint "GET /orders/{id}"
      harness history /srv/runs --plan "orders: new index" --fail-on-change

    Exit codes: 0, 1 a change point with --fail-on-change, 2 usage, no runs, or a package that is missing.
    """
    question = HistoryQuery(METRICS[metric], arm, stage, endpoint)
    require_otava()
    entries, skipped = read_archive(runs, question, plan)
    lines = series_of(entries, question.metric)
    shown = terminal()
    text = (
        reports.history_json(question, lines, skipped)
        if as_json
        else reports.history_text(question, lines, skipped, width=shown["width"], colour=shown["colour"])
    )
    click.echo(text.rstrip("\n"))
    if not lines:
        raise RunFolderError(f"{runs}: no run has this value; look at --metric, --stage, --endpoint, --arm and --plan")
    if fail_on_change and any(line.turns for line in lines):
        sys.exit(Exit.FAIL)


def _analysed(path: Path) -> Result:
    analysis = analyse(RunFolder.open(path))
    if not analysis.summary.rows:
        raise RunFolderError(f"{path}: no block was completed, so there is nothing to compare; run the plan again")
    return analysis
