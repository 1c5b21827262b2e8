"""Check that requests succeed again after each fault of a run."""

from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from harness.analysis.recovery import CALM_SECONDS
from harness.record.samples import read_samples


def assert_recovered(run: Path, faults: list[dict[str, Any]]) -> None:
    """Requests succeed after each fault, and none fails in the last seconds before the next fault or the end.

    How soon a service is as fast as before depends on the load of the machine: ``tests.trials.recoveries`` measures it.
    """
    for leg in (run / "trials").iterdir():
        own = [fault for fault in faults if leg.name.endswith(fault["arm"])]
        samples = read_samples(leg / "samples")
        due = samples["due_ns"].to_numpy() / 1e9
        failed = pc.is_valid(samples["error"]).to_numpy()
        for fault, until in zip(own, [*[following["began"] for following in own[1:]], due.max()], strict=True):
            begin = max(until - CALM_SECONDS, fault["ended"])  # not before the end where another fault begins sooner
            calm = (due > begin) & (due < until)
            assert calm.any() or begin >= until, f"{fault}: nothing was requested"
            assert not failed[calm].any(), f"{fault}: {due[calm & failed]}"
