"""Folder: text files that are written whole and renamed into place, and read with errors that name the file."""

import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.errors import DiskFullError, RunFolderError

T = TypeVar("T")
SCHEMA = 1


class Folder:
    """Files by name below one path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        """Write a file, make its folder and rename it into place; returns its path.

        Raises ``DiskFullError``, or ``RunFolderError`` when it cannot be written for another reason.
        """
        final = self.path / name
        partial = final.with_name(f"{final.name}.partial")
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(text, encoding="utf-8")
            return partial.rename(final)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            if error.errno in DiskFullError.FULL:
                raise DiskFullError(final) from error
            raise RunFolderError(f"{final}: cannot be written ({error.strerror})") from error

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def write_json(self, name: str, data: object, *, indent: int | None = 1) -> Path:
        return self.write(name, json.dumps(data, indent=indent, ensure_ascii=False) + "\n")

    def read_text(self, name: str) -> str:
        """All of a file; raises ``RunFolderError`` when it cannot be read."""
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RunFolderError(f"{self.path / name}: cannot be read ({error})") from error

    def read_object(self, name: str) -> dict[str, Any]:
        """One JSON object; raises ``RunFolderError`` when it cannot be read, is damaged or has another schema."""
        try:
            raw = json.loads(self.read_text(name), parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise RunFolderError(f"{self.path / name}: damaged ({error})") from error
        if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
            found = raw.get("schema") if isinstance(raw, dict) else None
            raise RunFolderError(f"{self.path / name}: schema {found}; this harness reads {SCHEMA}")
        return raw

    def decode(self, name: str, kind: type[T]) -> T:
        """A file of one JSON object as a value of type ``kind``; raises as ``read_object`` and ``validated``."""
        return validated(self.path / name, kind, self.read_object(name))

    def decode_if_present(self, name: str, kind: type[T]) -> T | None:
        """As ``decode``; ``None`` without the file."""
        return self.decode(name, kind) if self.has(name) else None

    def decode_key(self, name: str, key: str, kind: type[T]) -> T:
        """The value of one key of a JSON object; raises as ``decode``."""
        return validated(self.path / name, kind, self.read_object(name).get(key))

    def decode_disposable(self, name: str, kind: type[T], loss: str) -> T | None:
        """A file that may be deleted, which costs a ``loss``; ``None`` without it. Raises as ``decode``."""
        path = self.path / name
        if not path.exists():
            return None
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RunFolderError(f"{path}: damaged ({error}); delete it, {loss}") from error
        return validated(path, kind, raw)

    def read_lines(self, name: str) -> list[dict[str, Any]]:
        """JSON objects, one a line; one empty object where there is none. Raises ``RunFolderError`` when damaged."""
        try:
            found = [json.loads(line) for line in self.read_text(name).splitlines()] or [{}]
        except (json.JSONDecodeError, RecursionError) as error:
            raise RunFolderError(f"{self.path / name}: damaged ({error})") from error
        if not all(isinstance(one, dict) for one in found):
            raise RunFolderError(f"{self.path / name}: damaged (a line is no object)")
        return found


def validated(path: Path, kind: type[T], raw: object) -> T:
    """Parsed JSON as a value of type ``kind``; raises ``RunFolderError`` naming the file and the invalid key."""
    try:
        value: T = _adapter(kind).validate_python(raw)  # type: ignore[arg-type] # mypy: a type is not Hashable
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RunFolderError(f"{path}: damaged at {where or 'its top'} ({first['msg']})") from error
    return value


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
