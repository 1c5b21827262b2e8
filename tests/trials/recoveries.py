"""``python -m tests.trials.recoveries``: how soon a service is as fast as before after a fault, on this machine.

Each run kills, pauses and restarts a small service. A fault counts as recovered when the harness says so; the seconds
are those of ``recovery_seconds``. On a quiet machine all recover within three seconds.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from tests.runs.project import Project
from tests.runs.test_faults import FAULTY


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    wanted = parser.parse_args().runs
    seconds: dict[str, list[float]] = defaultdict(list)
    faults: dict[str, int] = defaultdict(int)
    for _ in range(wanted):
        with tempfile.TemporaryDirectory() as folder:
            project = Project(Path(folder))
            done = project.run(FAULTY)
            assert done.returncode in {0, 3}, done.stderr
            for fault in json.loads((project.recorded / "summary.json").read_text())["faults"]:
                faults[fault["kind"]] += 1
                if fault["recovered"]:
                    seconds[fault["kind"]].append(fault["recovered_after"])
            project.close()
    for kind, count in faults.items():
        took = seconds[kind] or [float("nan")]
        print(f"{kind:8} {len(seconds[kind])} of {count} recovered, median {median(took):.1f} s, max {max(took):.1f} s")


if __name__ == "__main__":
    main()
