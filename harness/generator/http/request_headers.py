"""Header fields of requests; their names are case-insensitive."""

from collections.abc import Mapping
from typing import Any

from harness.generator.http.failures import UnsendableError

Fields = Mapping[str, Any]
"""Text or bytes by name; a field with ``None`` is left out."""


def serialized(fields: Fields) -> str:
    """The fields as sent, without those that are ``None``; raises ``UnsendableError`` for a line break in one."""
    lines = [
        f"{name}: {value.decode('latin-1') if isinstance(value, bytes) else value}\r\n"
        for name, value in fields.items()
        if value is not None
    ]
    text = "".join(lines)
    if text.count("\n") > len(lines) or text.count("\r") > len(lines) or "\0" in text:
        name = next(line for line in lines if any(sign in line[:-2] for sign in "\r\n\0")).partition(":")[0]
        raise UnsendableError(f"the header field {name!r} contains a line break or a null character")
    return text


def with_defaults(fields: Fields, defaults: Fields) -> Fields:
    """The fields, and the defaults that they do not replace."""
    given = {name.lower() for name in fields}
    return {name: value for name, value in defaults.items() if name.lower() not in given} | dict(fields)


def has_field(fields: Fields, wanted: str) -> bool:
    """Whether a field with this lower-case name has a value."""
    return any(name.lower() == wanted and value is not None for name, value in fields.items())


def describes_body(field: str) -> bool:
    """Whether a field describes a body, and is dropped with it."""
    return field.lower().startswith("content-") or field.lower() == "expect"
