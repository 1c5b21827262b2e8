"""A report is a function of the run folder: another process with other settings renders the same bytes."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tests.pure.reports.conftest import PLAN, TARGETS, make_run

ROOT = Path(__file__).parents[3]
SCRIPT = "from tests.servers.reports.test_same_bytes import digest; print(digest())"


def digest() -> str:
    files = make_run(PLAN + TARGETS).render()
    return sha256("".join(files[name] for name in sorted(files)).encode()).hexdigest()


def test_another_process_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("axes.labelpad: 40\nxtick.direction: in\n", encoding="utf-8")
    environment = os.environ | {"PYTHONHASHSEED": "4711", "MATPLOTLIBRC": str(tmp_path), "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-c", SCRIPT]
    other = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest()
