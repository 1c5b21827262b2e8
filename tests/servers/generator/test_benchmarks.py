"""A benchmark that speaks the workers' own words has to be told when these change."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_master_takes_what_the_benchmark_replays() -> None:
    options = ["--workers", "3", "--seconds", "10", "--rate", "200"]
    command = [sys.executable, "tests/benchmarks/master.py", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert "6,000 were sent; 0 workers lost" in done.stdout, done.stdout + done.stderr
