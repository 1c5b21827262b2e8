"""Analysis: from the Parquet of a run to verdict and report, by how many samples there are.

Each command is a process of its own. Beside it, in the same minute, DuckDB: the percentiles of the same rows from the
same files, in the same places, and nothing else.
"""

import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from harness.metrics import METRICS, PERCENTILES
from harness.plan.file import parse_plan
from harness.record.leg import windows_of
from tests.benchmarks.recorded import PLAN, write_run

SIZES = (1_000_000, 2_000_000, 5_000_000, 10_000_000)
SERVICE_TIMES = {m.name: m.quantile for m in METRICS.values() if m.quantile is not None and m.from_sending}
ROUNDS = 3
"""Of several rounds the fastest counts: what else a machine does only makes it slower."""


@dataclass(frozen=True, slots=True)
class Took:
    """What a process took: seconds by the clock, seconds of CPU, and its highest memory in MB."""

    seconds: float
    cpu: float
    peak_mb: float


def main() -> None:
    """Print one row per size, and what each further million samples takes."""
    print(f"{'samples':>11} {'report s':>9} {'CPU s':>6} {'peak MB':>8} {'check s':>8} {'DuckDB s':>9} {'ratio':>6}")
    curve: list[tuple[int, Took]] = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            run = write_run(Path(folder), size).path
            report = min_of([sys.executable, "-m", "harness", "report", str(run)])
            check = min_of([sys.executable, "-m", "harness", "check", str(run)])
            peer = min_of([sys.executable, "-c", f"import duckdb; duckdb.sql({query(run)!r}).fetchall()"])
        curve.append((size, report))
        print(
            f"{size:>11,} {report.seconds:>9.2f} {report.cpu:>6.1f} {report.peak_mb:>8.0f} {check.seconds:>8.2f} "
            f"{peer.seconds:>9.2f} {report.seconds / peer.seconds:>6.2f}",
            flush=True,
        )
    print()
    for (few, less), (many, more) in pairwise(curve):
        each = (more.seconds - less.seconds) / (many - few) * 1e6
        print(f"from {few:>10,} to {many:>10,}: {each:.2f} s for each further million")
    power = math.log(curve[-1][1].seconds / curve[0][1].seconds) / math.log(SIZES[-1] / SIZES[0])
    print(f"seconds grow as samples to the power of {power:.2f}; 1 is linear")


def min_of(command: list[str]) -> Took:
    """The fastest of several rounds, with the highest memory of all."""
    rounds = [took(command) for _ in range(ROUNDS)]
    best = min(rounds, key=lambda one: one.seconds)
    return Took(best.seconds, best.cpu, max(one.peak_mb for one in rounds))


def took(command: list[str]) -> Took:
    """Run a command to its end.

    Raises:
        RuntimeError: when it ends with an error that is no verdict.
    """
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "NO_COLOR": "1"}) as process:
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1, 3}:
        raise RuntimeError(f"{' '.join(command[:5])} ended with {process.returncode}")
    return Took(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def query(run: Path) -> str:
    """The same percentiles of latency and service time in the same places."""
    windows = windows_of(parse_plan(PLAN).stages)
    stage = " ".join(
        f"WHEN due_ns >= {w.measured_from * 1e9:.0f} AND due_ns < {w.end * 1e9:.0f} THEN '{w.stage}'" for w in windows
    )
    latency, service = ([float(q) for q in quantiles.values()] for quantiles in (PERCENTILES, SERVICE_TIMES))
    return f"""
        WITH measured AS (
            SELECT split_part(filename, '/', -3) AS leg, right(split_part(filename, '/', -3), 5) AS arm, endpoint,
                CASE {stage} END AS stage, sent_ns - due_ns + duration_ns AS ns, duration_ns
            FROM read_parquet('{run}/trials/*/samples/*.parquet', filename = true) WHERE error IS NULL
        )
        SELECT arm, leg, stage, endpoint, count(*), quantile_disc(ns, {latency}), quantile_disc(duration_ns, {service})
        FROM measured WHERE stage IS NOT NULL GROUP BY arm, CUBE (leg, stage, endpoint)
    """
