"""The commands that compare recorded runs: two of them, and a series of them."""

import sys
from pathlib import Path

import click

import reports
from harness.analysis.comparison import contrast
from harness.analysis.history import incomparable_facts, require_otava, series_of
from harness.cli.exit_codes import Exit
from harness.cli.terminal import terminal
from harness.errors import IncomparableError, RunFolderError
from harness.metrics import METRICS
from harness.plan.model import ARMS
from harness.record.archive import HistoryQuery, read_archive
from harness.record.run_folder import RunFolder
from harness.verdict.outcomes import outcomes_of
from harness.verdict.result import Result, analyse

ARM_OPTION = click.option("--arm", type=click.Choice(ARMS), default="after", show_default=True, help="Compared arm.")
METRIC_HELP = "A metric, named as in targets."
METRIC_OPTION = click.option(
    "--metric", type=click.Choice(tuple(METRICS)), metavar="NAME", default="p95", show_default=True, help=METRIC_HELP
)


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@ARM_OPTION
@click.option("--force", is_flag=True, help="Compare runs although their facts differ; lists the differences.")
def compare(old: Path, new: Path, arm: str, *, force: bool) -> None:
    """Compare one arm of two recorded runs.

    The runs were sequential and their blocks are unpaired, so no target is judged. Runs that differ in host, versions,
    settings, seed, load, faults or user files are refused. Targets, number of blocks and arms may differ.

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
    sides = ((old, before), (new, after))
    broken = [f"{path}: {breach.seen}" for path, side in sides for breach in side.verdict.breaches]
    outcomes = outcomes_of(comparison, after.plan.judgement, floors=after.floors, valid=not broken)
    click.echo(
        reports.side_by_side(comparison, outcomes, arm=arm, differing=facts, broken=broken, width=terminal()["width"])
    )


@click.command()
@click.argument("runs", metavar="[RUNS_DIR]", type=click.Path(path_type=Path), default=Path("runs"))
@METRIC_OPTION
@click.option("--stage", help="One stage; default: all stages except ramps.")
@click.option("--endpoint", help="One endpoint; default: all requests.")
@ARM_OPTION
@click.option("--plan", metavar="NAME", help="Only runs of the plan with this name.")
@click.option("--json", "as_json", is_flag=True, help="Print unrounded JSON.")
@click.option("--fail-on-change", is_flag=True, help="Exit with 1 if a series has a change point.")
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
    """Follow one metric through recorded runs and find change points.

    Comparable runs of RUNS_DIR form a series; each series is listed with the facts that separate it. Damaged and
    INVALID runs, and runs without the metric, are skipped with a note. A series needs eight runs for change points.

    \b
    Examples:
      harness history
      harness history runs --metric p99 --stage sustain --endpoint "GET /orders/{id}"
      harness history /srv/runs --plan "orders: new index" --fail-on-change

    Exit codes: 0, 1 a change point with --fail-on-change, 2 usage error, no runs, or a missing package.
    """
    query = HistoryQuery(METRICS[metric], arm, stage, endpoint)
    require_otava()
    entries, skipped = read_archive(runs, query, plan)
    lines = series_of(entries, query.metric)
    shown = terminal()
    if as_json:
        text = reports.history_json(query, lines, skipped)
    else:
        text = reports.history_text(query, lines, skipped, width=shown["width"], colour=shown["colour"])
    click.echo(text.rstrip("\n"))
    if not lines:
        raise RunFolderError(f"{runs}: no run has this value; check --metric, --stage, --endpoint, --arm and --plan")
    if fail_on_change and any(line.turns for line in lines):
        sys.exit(Exit.FAIL)


def _analysed(path: Path) -> Result:
    result = analyse(RunFolder.open(path))
    if not result.summary.rows:
        raise RunFolderError(f"{path}: no complete block to compare; run the plan again")
    return result
