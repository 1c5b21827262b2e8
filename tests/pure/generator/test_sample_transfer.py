"""Transfer of parts: each arrives once and whole, few are in flight, lost ones are sent again."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.generator.distributed.sample_transfer import IN_FLIGHT, RESEND_SECONDS, Inbox, Outbox
from harness.record.samples import SCHEMA, read_samples, write_part


def part(rows: int, first: int = 0) -> pa.Table:
    columns: dict[str, Any] = {
        "due_ns": range(first, first + rows),
        "sent_ns": range(first, first + rows),
        "duration_ns": [1] * rows,
        "endpoint": ["GET /"] * rows,
        "status": [200] * rows,
        "size_bytes": [2] * rows,
        "error": [None] * rows,
        "cache": [None] * rows,
        "queries": [None] * rows,
        "db_ms": [None] * rows,
    }
    return pa.table([pa.array(list(columns[field.name])).cast(field.type) for field in SCHEMA], schema=SCHEMA)


def test_few_parts_are_in_flight_and_files_stay_until_acknowledged(tmp_path: Path) -> None:
    for number in range(1, 8):
        write_part(part(2), tmp_path, number)
    outbox = Outbox(tmp_path)
    assert list(outbox.take()) == [1, 2, 3, 4][:IN_FLIGHT]
    assert outbox.take() == {}
    outbox.acknowledge([2, 3, 99])
    assert list(outbox.take()) == [5, 6]
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["00001", "00004", "00005", "00006", "00007"]
    outbox.acknowledge([1, 4, 5, 6])
    assert not outbox.empty
    assert list(outbox.take()) == [7]
    outbox.acknowledge([7])
    assert outbox.empty


def test_an_unacknowledged_part_is_sent_again(tmp_path: Path) -> None:
    now = [0.0]
    write_part(part(1), tmp_path, 1)
    outbox = Outbox(tmp_path, clock=lambda: now[0])
    first = outbox.take()
    now[0] = RESEND_SECONDS
    assert outbox.take() == {}
    now[0] += 0.1
    assert outbox.take() == first
    assert outbox.take() == {}


def test_a_partial_file_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "00001.partial").write_bytes(b"half")
    assert Outbox(tmp_path).take() == {}


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.data())
def test_all_parts_arrive_despite_losses(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    now, first = 0.0, 0
    for number, rows in enumerate(sizes, start=1):
        write_part(part(rows, first), folder / "here", number)
        first += rows
    outbox, inbox = Outbox(folder / "here", clock=lambda: now), Inbox(folder / "there", 7)
    for attempt in range(200):
        now += RESEND_SECONDS + 1
        for number, content in outbox.take().items():
            if attempt > 20 or data.draw(st.booleans()):  # the part arrives
                inbox.put(number, content)
                if attempt > 20 or data.draw(st.booleans()):  # and so does its acknowledgement
                    outbox.acknowledge([number])
        if outbox.empty:
            break
    assert outbox.empty
    assert inbox.rows() == sum(sizes)
    assert read_samples(folder / "there")["due_ns"].to_pylist() == list(range(sum(sizes)))
    assert {path.name[:4] for path in (folder / "there").iterdir()} == {"007-"}
