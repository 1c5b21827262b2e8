"""A worker with another monotonic clock: in a time namespace, like a machine that booted at another time."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.environment.servers import free_ports
from harness.record.samples import read_samples
from harness.run.generator_process import Remote
from tests.runs.test_workers import SECONDS, led, lognormal, prepared

AHEAD_SECONDS = 1000
ELSEWHEN = ["unshare", "--time", "--fork", "--kill-child", "--monotonic", str(AHEAD_SECONDS)]


def possible() -> bool:
    """Whether a time namespace can be made here: it takes root and a Linux of 2020."""
    if os.getuid() or not shutil.which("unshare"):
        return False
    return subprocess.run([*ELSEWHEN, "true"], capture_output=True, check=False).returncode == 0


pytestmark = [pytest.mark.skipif(not possible(), reason="time namespaces need root and Linux 5.6")]
__all__ = ["lognormal"]


def test_samples_are_in_the_time_of_the_master(tmp_path: Path, lognormal: str) -> None:
    prepared(tmp_path, 1)
    (port,) = free_ports()
    command = [sys.executable, "-m", "harness", "worker", "--master", f"127.0.0.1:{port}"]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE) as here,
        subprocess.Popen([*ELSEWHEN, *command], stderr=subprocess.PIPE) as elsewhen,
    ):
        leg = led(tmp_path, lognormal, "01-before", Remote(2, f"127.0.0.1:{port}"))
        for worker in (here, elsewhen):
            worker.communicate(timeout=30)
            assert worker.returncode == 0
    ahead, same = sorted(leg.generation["workers"], key=lambda worker: float(worker["clock_offset_ms"]))
    assert abs(same["clock_offset_ms"]) <= same["clock_uncertainty_ms"]
    assert abs(ahead["clock_offset_ms"] + AHEAD_SECONDS * 1000) <= ahead["clock_uncertainty_ms"]
    assert abs(ahead["clock_drift_ms"]) < 10
    for number in (1, 2):
        folder = tmp_path / f"only-{number}"
        folder.mkdir()
        for part in (leg.folder / "samples").glob(f"{number:03d}-*"):
            shutil.copy(part, folder)
        due = read_samples(folder)["due_ns"].to_numpy() / 1e9
        assert -0.1 < due.min() < 1.5
        assert SECONDS - 1 < due.max() < SECONDS + 3
