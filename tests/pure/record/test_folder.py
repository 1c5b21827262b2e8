"""A folder of text files: written whole or not at all, and what cannot be read is named."""

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from harness.errors import DiskFullError, RunFolderError
from harness.record.folder import Folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write_json("one.json", {"schema": 1, "name": "Prüfung ✓"})
    assert folder.read_object("one.json") == {"schema": 1, "name": "Prüfung ✓"}
    folder.write("two.jsonl", '{"a": 1}\n{"a": 2}\n')
    assert folder.read_lines("two.jsonl") == [{"a": 1}, {"a": 2}]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "two.jsonl"]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "damaged"),
        (b"{", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b'{"schema": 1, "a": NaN}', "damaged .NaN is no number"),
        (b"[]", "schema None; this harness reads 1"),
        (b"null", "schema None; this harness reads 1"),
        (b'{"schema": 2}', "schema 2; this harness reads 1"),
        (b"\xff", "cannot be read"),
    ],
)
def test_an_object_that_cannot_be_used_is_named(tmp_path: Path, data: bytes, what: str) -> None:
    (tmp_path / "one.json").write_bytes(data)
    with pytest.raises(RunFolderError, match=rf"one\.json: {what}"):
        Folder(tmp_path).read_object("one.json")


@pytest.mark.parametrize("data", ["1\n", "[" * 100_000, '{"a": 1}\n{"a"', "\n{}"])
def test_lines_that_cannot_be_used_are_named(tmp_path: Path, data: str) -> None:
    (tmp_path / "two.jsonl").write_text(data)
    with pytest.raises(RunFolderError, match=r"two\.jsonl: damaged"):
        Folder(tmp_path).read_lines("two.jsonl")


def test_what_cannot_be_put_in_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "one.json").mkdir()
    with pytest.raises(RunFolderError, match=r"one\.json: cannot be written"):
        Folder(tmp_path).write("one.json", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]


def test_a_full_disk_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path)
    folder.write("one.json", "old")

    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(DiskFullError, match=r"one\.json"):
        folder.write("one.json", "new")
    monkeypatch.undo()
    assert folder.read_text("one.json") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]
