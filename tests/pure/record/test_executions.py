"""What was executed is read as it was written, and a damaged file is named."""

from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.record.executions import SCHEMA, ExecutionRow, executions_of, read_executions, together, write_executions

ROWS: list[ExecutionRow] = [
    (0, 10, "", "a", 1, 2, 3, 4, 5, 6.5, 0.0),
    (10, 20, "auth", "b", 2**40, 2, 3, 4, 2**50, 7.5, 7.25),
]


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = executions_of(ROWS, 5, 25).since(5)
    write_executions(written, tmp_path / "x.parquet")
    found = read_executions(tmp_path / "x.parquet")
    assert found is not None
    assert found.table.equals(written.table)
    assert (found.begun_ns, found.ended_ns) == (0, 20)
    assert found.table["at_ns"].to_pylist() == [5, 15]
    assert found.table["wal"].to_pylist() == [5, 2**50]


def test_none_are_no_damage_and_nothing_executed_is_a_record(tmp_path: Path) -> None:
    assert read_executions(tmp_path / "x.parquet") is None
    write_executions(executions_of([], 0, 10), tmp_path / "x.parquet")
    found = read_executions(tmp_path / "x.parquet")
    assert found is not None
    assert found.table.schema.equals(SCHEMA)
    assert found.covers(0, 1e-8)
    assert not found.covers(0, 1.1e-8)


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"no parquet at all"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "statements.parquet"
    path.write_bytes(damage)
    with pytest.raises(RunFolderError, match=r"statements\.parquet: damaged statement counts"):
        read_executions(path)


def test_of_several_servers_there_is_what_all_were_read_for() -> None:
    found = together([executions_of(ROWS[:1], 0, 30, {"a": "A"}), executions_of(ROWS[1:], 5, 20, {"b": "B"})])
    assert (found.begun_ns, found.ended_ns, len(found.table)) == (5, 20, 2)
    assert found.texts == {"a": "A", "b": "B"}
