from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.generator.recording import recorder as module
from harness.generator.recording.recorder import Recorder
from harness.record.samples import read_samples


class CatchResponseError(Exception):
    """Locust's error for ``failure("...")`` in a user file."""


def answer(status: int = 200, **headers: str) -> SimpleNamespace:
    return SimpleNamespace(status_code=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_a_request_becomes_a_row(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    started = recorder.wall_origin_ns / 1e9 + 1.5
    timing = 'app;dur=3, db;dur=12.25;desc="11 queries"'
    recorder.on_request(
        "GET", "/a/{id}", 1049.4321, 7, response=answer(X_Cache="hit", Server_Timing=timing), start_time=started
    )
    recorder.close()
    (row,) = read_samples(tmp_path).to_pylist()
    assert row.pop("due_ns") == row.pop("sent_ns") == pytest.approx(1_500_000_000, abs=1000)
    assert row == {
        "duration_ns": 1_049_432_100,  # exact: Locust's own statistics would say 1000
        "endpoint": "GET /a/{id}",
        "status": 200,
        "size_bytes": 7,
        "error": None,
        "cache": "hit",
        "queries": 11,
        "db_ms": 12.25,
    }


@pytest.mark.parametrize(
    ("timing", "queries", "db_ms"),
    [
        ("", None, None),
        ("db", None, None),
        ("db;dur=3", None, 3.0),
        ("db;dur=0;desc=0", 0, 0.0),
        ('cache;dur=1;desc="9 keys", db;dur=2.5;desc="1 query"', 1, 2.5),
        ('db;desc="4 queries";dur=1', 4, 1.0),
        ("mdb;dur=5", None, None),
        ("db;dur=.", None, None),
        ("db;dur=1.2.3;desc=4", 4, 1.2),
    ],
)
def test_server_timing_is_parsed(tmp_path: Path, timing: str, queries: int | None, db_ms: float | None) -> None:
    recorder = Recorder(tmp_path)
    recorder.on_request("GET", "/", 1.0, 0, response=answer(Server_Timing=timing))
    recorder.close()
    (row,) = read_samples(tmp_path).to_pylist()
    assert (row["queries"], row["db_ms"]) == (queries, db_ms)


@pytest.mark.parametrize(
    ("exception", "response", "error"),
    [
        (None, answer(), None),
        (OSError("refused"), None, "OSError: refused"),
        (Exception("BadStatusCode http://127.0.0.1:4711/a/17"), answer(503), "HTTP 503"),
        (CatchResponseError("no items"), answer(200), "CatchResponseError: no items"),
        (ValueError("lost in the middle of the body"), answer(200), "ValueError: lost in the middle of the body"),
        (ValueError("x" * 5000), None, "ValueError: " + "x" * 188),
        (ValueError("ü\n€"), None, "ValueError: ü\n€"),
    ],
)
def test_names_of_failures(tmp_path: Path, exception: Exception | None, response: object, error: str | None) -> None:
    recorder = Recorder(tmp_path)
    recorder.on_request("GET", "/", 1.0, 0, response=response, exception=exception)
    recorder.close()
    assert read_samples(tmp_path)["error"].to_pylist() == [error]
    assert (recorder.requests, recorder.failures) == (1, int(error is not None))


def test_the_number_of_error_texts_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ERRORS", 3)
    recorder = Recorder(tmp_path)
    for number in range(10):
        recorder.on_request("GET", "/", 1.0, 0, exception=ValueError(number))
    recorder.close()
    errors = read_samples(tmp_path)["error"].to_pylist()
    assert errors[:3] == ["ValueError: 0", "ValueError: 1", "ValueError: 2"]
    assert set(errors[3:]) == {"further kinds of error"}


def test_parts_are_written_during_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_ROWS", 10)
    recorder = Recorder(tmp_path)
    for number in range(25):
        recorder.on_request("GET", f"/{number % 12}", float(number), 0)
    recorder.close()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["00001.parquet", "00002.parquet", "00003.parquet"]
    back = read_samples(tmp_path)
    assert back["duration_ns"].to_pylist() == [n * 1_000_000 for n in range(25)]
    assert back["endpoint"].to_pylist() == [f"GET /{n % 12}" for n in range(25)]


def test_nothing_recorded_writes_nothing(tmp_path: Path) -> None:
    Recorder(tmp_path / "samples").close()
    assert not (tmp_path / "samples").exists()


def test_an_unwritable_part_raises(tmp_path: Path) -> None:
    (tmp_path / "samples").write_text("in the way")
    recorder = Recorder(tmp_path / "samples")
    recorder.on_request("GET", "/", 1.0, 0)
    with pytest.raises(OSError, match="samples"):
        recorder.close()


def test_a_row_is_added_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    with pytest.raises(AttributeError):
        recorder.on_request("GET", "/", 1.0, 0, response=SimpleNamespace(status_code=200, headers=5))
    recorder.on_request("GET", "/", 2.0, 0)
    recorder.close()
    assert read_samples(tmp_path)["duration_ns"].to_pylist() == [2_000_000]
    assert recorder.requests == 1


@pytest.mark.parametrize("cache", ["hit", "miss", "bypass", None, "WARM"])
def test_x_cache_is_parsed(tmp_path: Path, cache: str | None) -> None:
    recorder = Recorder(tmp_path)
    recorder.on_request("GET", "/", 1.0, 0, response=answer(X_Cache=cache) if cache else answer())
    recorder.close()
    assert read_samples(tmp_path)["cache"].to_pylist() == [cache if cache != "WARM" else None]


def test_a_request_without_a_start_time_started_its_duration_ago(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.on_request("GET", "/", 60_000.0, 0, exception=OSError("refused"))
    recorder.on_request("GET", "/", 60_000.0, 0)
    latest = recorder.now_ns() - 60 * 10**9
    assert recorder.recent_ms == [60_000.0]  # of successes, in ms
    recorder.close()
    rows = read_samples(tmp_path).to_pylist()
    assert [(row["status"], row["size_bytes"]) for row in rows] == [(0, 0), (0, 0)]
    assert all(-60 * 10**9 <= row["sent_ns"] <= latest for row in rows)
