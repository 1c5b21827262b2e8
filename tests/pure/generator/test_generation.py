"""The account of a leg: sums, the worst worker, and missing rows."""

from pathlib import Path
from typing import Any

import pytest

from harness.generator.distributed.sample_transfer import Inbox
from harness.generator.distributed.worker_pool import WorkerPool, generation_of
from harness.record.generation import OfferedLoad
from harness.record.samples import write_part
from tests.pure.generator.test_sample_transfer import part

CLOCK = {"offset_ns": 2_000_000, "uncertainty_ns": 500_000}


@pytest.fixture
def pool(tmp_path: Path) -> WorkerPool:
    """Two workers, done, with 3 and 4 rows on disk."""
    made = WorkerPool(2)
    for slot, rows in ((1, 3), (2, 4)):
        made.add(str(slot), {"host": f"host-{slot}", "pid": slot, "slot": slot, "version": "1"})
        written = write_part(part(rows), tmp_path / "worker", slot)
        worker = made.workers[str(slot)]
        worker.index, worker.clock, worker.inbox = slot - 1, CLOCK, Inbox(tmp_path / "samples", slot)
        worker.inbox.put(1, written.read_bytes())
        worker.done = {
            "requests": rows,
            "counted": rows,
            "user_errors": slot,
            "cpu_share": slot / 10,
            "lag_p99_ms": 9.0 - slot,
            "drift_ns": 1000,
            "offered": [{"stage": "sustain", "planned": 10 * slot, "started": 9 * slot, "late": slot, "most_users": 3}],
            "schedule_lag_p99_ms": 2.0 * slot,
            "gc_pause_ms": 5.0 - slot,
        }
    return made


def account(pool: WorkerPool, counted: int = 7) -> Any:  # noqa: ANN401 - of the function under test
    return generation_of(pool, counted, "2026-01-02T03:04:05+00:00", (), "03-after")


def test_counts_are_sums_and_measurement_errors_are_the_worst(pool: WorkerPool) -> None:
    generation = account(pool)
    assert (generation.requests, generation.user_errors) == (7, 3)
    assert (generation.cpu_share, generation.lag_p99_ms) == (0.2, 8.0)
    assert (generation.schedule_lag_p99_ms, generation.gc_pause_ms) == (4.0, 4.0)
    assert generation.offered == (OfferedLoad("sustain", 30, 27, 3, 6),)
    assert (generation.processes, generation.hosts) == (2, 2)
    assert [worker.requests for worker in generation.workers] == [3, 4]
    assert generation.workers[0].clock_offset_ms == 2
    assert generation.workers[0].clock_uncertainty_ms == 0.5
    assert generation.workers[0].clock_drift_ms == 0.001
    assert generation.lost == ()


@pytest.mark.parametrize(("key", "value"), [("requests", 5), ("counted", 5), ("requests", 0)])
def test_a_worker_with_missing_rows_is_named(pool: WorkerPool, key: str, value: int) -> None:
    done = pool.workers["2"].done
    assert done
    done[key] = value
    with pytest.raises(SystemExit, match=r"worker 2 \(host-2, pid 2\): 4 samples arrived, it recorded \d, Locust"):
        account(pool)


def test_the_total_must_equal_that_of_locust(pool: WorkerPool) -> None:
    with pytest.raises(SystemExit, match="7 samples arrived, Locust counted 8"):
        account(pool, counted=8)


def test_rows_on_disk_of_a_lost_worker_count(pool: WorkerPool) -> None:
    pool.workers["1"].done = None
    pool.workers["1"].lose("it left", 12.34)
    generation = account(pool, counted=99)
    assert generation.requests == 7
    assert generation.workers[0].cpu_share is None
    (loss,) = generation.lost
    assert (loss.worker, loss.leg, loss.second, loss.how) == ("worker 1 (host-1, pid 1)", "03-after", 12.3, "it left")
