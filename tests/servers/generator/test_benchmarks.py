"""The benchmark of the master uses the messages of the workers, so it must follow their changes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_master_stores_the_samples_of_the_benchmark() -> None:
    options = ["--workers", "3", "--seconds", "10", "--rate", "200"]
    command = [sys.executable, "tests/benchmarks/master.py", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert "6,000 were sent; 0 workers lost" in done.stdout, done.stdout + done.stderr
