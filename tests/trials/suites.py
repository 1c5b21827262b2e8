"""``python -m tests.trials.suites equal --suites 60 --seed 1``: false alarms and power of a gate in real runs.

Whole runs of the harness, with a small service on a real PostgreSQL, and one gate each: P95 may rise by at most 5 %.

    equal    before and after are the same: a FAIL is a false alarm, before its confirmation and after it
    slower   after reads a quarter more rows where it reads many, enough for about a fifth more of P95
    index    after lacks the index of its only query

Every suite has a seed, which orders its legs and its arrivals; each is one line of ``suites.jsonl`` in ``--out``, and
what is there already is not measured again.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.statistics.proportions import wilson

HERE = Path(__file__).parent / "orders"
HARNESS = [sys.executable, "-m", "harness"]
ROWS = 'env = { ROWS = "300" }'
ARMS = {
    "equal": ('revision = "with"', ROWS, ROWS),
    "slower": ('revision = "with"', 'env = { GROUP = "16" }', 'env = { GROUP = "20" }'),
    "index": ('revision = "without"', ROWS, ROWS),
}
PLAN = """\
schema = 1
name = "orders: {kind}"

[environment]
kind = "local"
provides = ["postgres"]
cwd = "{here}"
seed = "{{python}} database.py seed"
seed_inputs = ["{here}/database.py"]
migrate = "{{python}} database.py {{revision}}"
serve = "{{python}} service.py {{port}}"
ready = "/health"

[arms.before]
revision = "with"
{before}

[arms.after]
{revision}
{after}

[load]
users = ["{here}/users.py"]
blocks = {blocks}
seed = {seed}
arrivals = "poisson"

[[stages]]
kind = "sustain"
seconds = {seconds}
rate = {rate}
warmup_seconds = 1

[[targets]]
expect = "p95 rises by at most 5 %"
"""


@dataclass(frozen=True, slots=True)
class Suite:
    """How one suite ended: of its first measurement and, where that failed, of both."""

    kind: str
    seed: int
    outcome: str
    reason: str
    ratio: float | None
    low: float | None
    high: float | None

    @property
    def failed_first(self) -> bool:
        """Whether the first measurement failed, whatever the second said."""
        return self.outcome == "FAIL" or self.reason.startswith("missed, ")


def main() -> None:
    """Run the suites that are not there yet, and say what all of them say."""
    given = _parsed()
    given.out.mkdir(parents=True, exist_ok=True)
    record = given.out / "suites.jsonl"
    lines = record.read_text().splitlines() if record.exists() else []
    known = [one for one in (Suite(**json.loads(line)) for line in lines) if one.kind == given.kind]
    seeds = range(given.seed, given.seed + given.suites)
    for seed in seeds:
        if seed not in {one.seed for one in known}:
            known.append(_suite(given, seed))
            with record.open("a") as file:
                file.write(json.dumps(asdict(known[-1])) + "\n")
            print(f"{given.kind} {seed}: {_said(known[-1])}", flush=True)
    print("\n".join(_summary([one for one in known if one.seed in seeds])))


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=ARMS)
    parser.add_argument("--suites", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rate", type=float, default=60)
    parser.add_argument("--once", action="store_true", help="do not measure failures once more")
    parser.add_argument("--out", type=Path, default=Path("runs/suites"))
    return parser.parse_args()


def _suite(given: argparse.Namespace, seed: int) -> Suite:
    folder = given.out / f"{given.kind}-{seed}"
    folder.mkdir(exist_ok=True)
    revision, before, after = ARMS[given.kind]
    plan = folder / "plan.toml"
    arms = {"revision": revision, "before": before, "after": after}
    load = {"seed": seed, "blocks": given.blocks, "seconds": given.seconds, "rate": given.rate}
    plan.write_text(PLAN.format(here=HERE.as_posix(), kind=given.kind, **arms, **load))
    command = [*HARNESS, "run", str(plan), "--out", str(folder / "runs"), "--plain"]
    with (folder / "said.txt").open("wb") as said:
        subprocess.run([*command, "--no-confirm"] if given.once else command, stdout=said, stderr=said, check=False)
    found = sorted((folder / "runs").glob("*/verdict.json"))
    if not found:
        return Suite(given.kind, seed, "NONE", "no verdict: read said.txt", None, None, None)
    verdict = json.loads(found[-1].read_text())
    check, breaches = verdict["checks"][0], verdict["breaches"]
    change = check["change"] or {"ratio": None, "low": None, "high": None}
    reason = breaches[0]["what"] if breaches else check["reason"]
    outcome = "INVALID" if breaches else check["outcome"]
    return Suite(given.kind, seed, outcome, reason, change["ratio"], change["low"], change["high"])


def _said(suite: Suite) -> str:
    numbers = "" if suite.ratio is None else f", P95 x {suite.ratio:.3f} [{suite.low:.3f}, {suite.high:.3f}]"
    return f"{suite.outcome}{numbers} ({suite.reason})"


def _summary(suites: list[Suite]) -> Iterator[str]:
    valid = [suite for suite in suites if suite.ratio is not None and suite.outcome != "INVALID"]
    yield f"{len(suites)} suites, {len(suites) - len(valid)} of them INVALID or without a verdict"
    for title, count in (
        ("FAIL before confirmation", sum(suite.failed_first for suite in valid)),
        ("FAIL", sum(suite.outcome == "FAIL" for suite in valid)),
        ("interval excludes no change", sum(not s.low <= 1 <= s.high for s in valid if s.low and s.high)),
    ):
        share = wilson(count, len(valid))
        yield f"{title}: {count} of {len(valid)}" + (f" [{share.low:.1%}, {share.high:.1%}]" if share else "")
    if ratios := [suite.ratio for suite in valid if suite.ratio]:
        yield f"P95 after / before, median of the suites: {statistics.median(ratios):.3f}"


if __name__ == "__main__":
    main()
