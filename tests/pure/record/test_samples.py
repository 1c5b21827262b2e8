from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import RunFolderError
from harness.plan.file import parse_plan
from harness.record.readings import read_readings, write_readings
from harness.record.samples import SCHEMA, latency_ms, read_samples, write_part
from tests.doubles import PLAN, synthetic_trials


@pytest.fixture
def table() -> pa.Table:
    return next(synthetic_trials(parse_plan(PLAN))).samples


def test_parts_come_back_in_order_with_their_dictionaries_unified(tmp_path: Path, table: pa.Table) -> None:
    for number in (2, 1, 10):
        write_part(table.slice(number, 5), tmp_path, number)
    back = read_samples(tmp_path)
    assert back.schema == SCHEMA
    expected = [row for number in (1, 2, 10) for row in table.slice(number, 5).to_pylist()]
    assert back.to_pylist() == expected


def test_no_parts_are_no_samples(tmp_path: Path) -> None:
    assert len(read_samples(tmp_path)) == 0
    assert read_samples(tmp_path / "nowhere").schema == SCHEMA


def test_a_half_written_part_is_not_read(tmp_path: Path, table: pa.Table) -> None:
    write_part(table, tmp_path, 1)
    (tmp_path / "00002.partial").write_bytes(b"PAR1")
    assert len(read_samples(tmp_path)) == len(table)


def test_a_damaged_part_is_named(tmp_path: Path, table: pa.Table) -> None:
    path = write_part(table, tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunFolderError, match=r"00001.parquet: damaged samples"):
        read_samples(tmp_path)


def test_another_schema_is_refused(tmp_path: Path, table: pa.Table) -> None:
    tmp_path.mkdir(exist_ok=True)
    pq.write_table(table.replace_schema_metadata({b"harness.samples": b"99"}), tmp_path / "00001.parquet")
    with pytest.raises(RunFolderError, match="schema 99; this harness reads 1"):
        read_samples(tmp_path)


def test_latency_counts_from_when_the_request_was_due() -> None:
    rows = {"due_ns": [0, 10**9], "sent_ns": [0, 3 * 10**9], "duration_ns": [1_500_000, 250_000]}
    filler = {"endpoint": ["GET /"] * 2, "status": [200] * 2, "size_bytes": [0] * 2}
    nothing = {name: [None, None] for name in ("error", "cache", "queries", "db_ms")}
    columns: dict[str, Any] = {**rows, **filler, **nothing}
    table = pa.table([pa.array(columns[f.name]).cast(f.type) for f in SCHEMA], schema=SCHEMA)
    assert latency_ms(table).tolist() == [1.5, 2000.25]


def test_readings_come_back(tmp_path: Path) -> None:
    rows = [(1, "generator", "cpu_share", 0.5), (2, "generator", "users", 3.0)]
    write_readings(rows, tmp_path / "readings.parquet")
    assert [tuple(row.values()) for row in read_readings(tmp_path / "readings.parquet").to_pylist()] == rows
    assert len(read_readings(tmp_path / "none.parquet")) == 0
    write_readings([], tmp_path / "empty.parquet")
    assert len(read_readings(tmp_path / "empty.parquet")) == 0
    (tmp_path / "bad.parquet").write_bytes(b"no")
    with pytest.raises(RunFolderError, match=r"bad.parquet: damaged"):
        read_readings(tmp_path / "bad.parquet")
