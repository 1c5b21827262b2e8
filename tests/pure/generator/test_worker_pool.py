"""Workers of a leg: their order and their reports."""

import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.generator.distributed.remote import reachable
from harness.generator.distributed.sample_transfer import Inbox
from harness.generator.distributed.worker_pool import READINGS_AT_ONCE, WorkerPool, WorkerReports
from harness.generator.recording.latency_histogram import bucket_counts, quantile
from harness.generator.schedule.abort_watch import AbortWatch
from harness.plan.file import parse_plan
from harness.record.readings import of_generator, read_readings
from tests.doubles import PLAN

NO_DANGER = AbortWatch(parse_plan(PLAN), "after")


def hello(host: str, slot: int, pid: int = 1) -> dict[str, object]:
    return {"host": host, "slot": slot, "pid": pid, "version": "1"}


@given(st.permutations([("b", 1), ("a", 2), ("a", 1), ("b", 2)]))
def test_numbers_do_not_depend_on_the_order_of_connection(arrivals: list[tuple[str, int]]) -> None:
    pool = WorkerPool(4)
    for host, slot in arrivals:
        assert pool.add(f"{host}{slot}", hello(host, slot))
    assert pool.complete
    pool.number()
    assert [worker.client for worker in pool.in_order] == ["a1", "a2", "b1", "b2"]
    assert pool.in_order[2].name == "worker 3 (b, pid 1)"


def test_surplus_workers_are_refused() -> None:
    pool = WorkerPool(1)
    assert pool.add("one", hello("a", 1))
    assert not pool.add("two", hello("a", 2))
    assert list(pool.workers) == ["one"]


def test_texts_of_workers_are_sanitized() -> None:
    pool = WorkerPool(1)
    pool.add("one", hello("<b>\x1b[2J", 1))
    worker = pool.workers["one"]
    assert worker.host == "?b???2J"
    worker.lose("a\x1b[2Jb\n" + "x" * 1000, -1.0)
    assert worker.lost == "a [2Jb " + "x" * 293
    assert worker.lost_second == 0
    assert pool.present == []


def test_reports_become_files_readings_and_progress(tmp_path: Path) -> None:
    pool = WorkerPool(2)
    for slot in (1, 2):
        pool.add(f"w{slot}", hello("a", slot))
    pool.number()
    reports = WorkerReports(tmp_path, pool, NO_DANGER)
    empty = {"parts": {}, "readings": [], "requests": 0, "failures": 0, "recent": {}, "answers": []}
    assert reports.take("w1", {**empty, "parts": {1: b"part"}}) == []  # it has not been briefed: not ours
    for worker in pool.in_order:
        worker.inbox = Inbox(tmp_path / "samples", worker.number)
    one = {"parts": {1: b"one"}, "readings": [(5, "users", 2)], "requests": 9, "recent": {0: 9}, "failures": 1}
    two = {"parts": {1: b"two"}, "readings": [(6, "users", 3)], "requests": 1, "recent": {35: 1}, "failures": 0}
    both = {"w1": {**one, "answers": []}, "w2": {**two, "answers": []}}
    assert [reports.take(client, report) for client, report in both.items()] == [[1], [1]]
    assert reports.take("nobody", both["w1"]) == []
    assert reports.take("w1", None) == []
    assert {path.name: path.read_bytes() for path in (tmp_path / "samples").iterdir()} == {
        "001-00001.parquet": b"one",
        "002-00001.parquet": b"two",
    }
    assert reports.progress() == {"requests": 10, "failures": 1, "p95_ms": pytest.approx(2)}
    assert reports.progress()["p95_ms"] is None
    reports.close()
    assert read_readings(tmp_path / "readings-generator-00001.parquet").to_pylist() == [
        {"at_ns": 5, "source": "generator-1", "name": "users", "value": 2.0},
        {"at_ns": 6, "source": "generator-2", "name": "users", "value": 3.0},
    ]


def test_readings_are_written_in_batches(tmp_path: Path) -> None:
    reports = WorkerReports(tmp_path, WorkerPool(1), NO_DANGER)
    for second in range(READINGS_AT_ONCE):
        reports.read(second, "generator-1", [("users", 1.0)])
    assert reports._readings == []
    assert len(read_readings(tmp_path / "readings-generator-00001.parquet")) == READINGS_AT_ONCE


@given(st.lists(st.lists(st.floats(0.01, 1e6), max_size=50), min_size=1, max_size=5), st.floats(0.01, 1))
def test_histograms_of_several_workers_add_up(parts: list[list[float]], share: float) -> None:
    counts: Counter[int] = Counter()
    for latencies in parts:
        counts += bucket_counts(latencies)
    together = sorted(latency for latencies in parts for latency in latencies)
    found = quantile(counts, share)
    if not together:
        assert found is None
    else:
        assert found == pytest.approx(together[math.ceil(share * len(together)) - 1], rel=0.011)


@pytest.mark.parametrize(
    ("url", "master", "there"),
    [
        ("http://127.0.0.1:80", "127.0.0.1", "http://127.0.0.1:80"),
        ("http://127.0.0.1:80", "10.0.0.5", "http://10.0.0.5:80"),
        ("http://localhost/base", "run.example", "http://run.example/base"),
        ("http://[::1]:80", "fd00::5", "http://[fd00::5]:80"),
        ("https://service.example", "10.0.0.5", "https://service.example"),
    ],
)
def test_the_loopback_of_a_remote_master_becomes_its_address(url: str, master: str, there: str) -> None:
    assert reachable(url, master) == there


@pytest.mark.parametrize(
    ("source", "ours"), [("generator", True), ("generator-2", True), ("generators", False), ("postgres", False)]
)
def test_sources_of_generator_readings(source: str, ours: bool) -> None:
    assert of_generator(source) is ours
