"""Payload: the body of a request from what a user file gives, and the header fields that go with it."""

import json as to_json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import urlencode

from urllib3 import encode_multipart_formdata

JSON = {"Content-Type": "application/json", "Accept": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
BYTES = {"Content-Type": "application/octet-stream"}
NO_HEADERS: Mapping[str, str] = {}


def encode_body(
    data: Any,  # noqa: ANN401 - bytes, text, a form, a file
    json: Any,  # noqa: ANN401 - whatever JSON can say
    files: Mapping[str, Any] | None,
) -> tuple[bytes, Mapping[str, str]]:
    """The body of a request, and the header fields that go with it."""
    if files:
        parts = {**(data or {}), **{name: _part(name, what) for name, what in files.items()}}
        body, kind = encode_multipart_formdata(parts)
        return body, {"Content-Type": kind}
    if data is None or (not data and json is not None):
        return to_json.dumps(json).encode(), JSON
    if hasattr(data, "read"):
        data = data.read()
    if not data:
        return b"", NO_HEADERS
    if isinstance(data, str):
        return data.encode(), TEXT
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data), BYTES
    return urlencode(data, doseq=True).encode(), FORM


def _part(name: str, what: Any) -> Any:  # noqa: ANN401 - contents, a file, or a tuple with either
    if isinstance(what, tuple):
        return (what[0], what[1].read() if hasattr(what[1], "read") else what[1], *what[2:])
    file = getattr(what, "name", None)
    return (PurePath(file).name if isinstance(file, str) else name, what.read() if hasattr(what, "read") else what)


def basic_auth(name: str | bytes, password: str | bytes) -> str:
    """The value of an Authorization field; in Latin-1 as other clients do, in UTF-8 what that does not have."""
    text = [part.decode("latin-1") if isinstance(part, bytes) else part for part in (name, password)]
    both = ":".join(text)
    try:
        return f"Basic {b64encode(both.encode('latin-1')).decode()}"
    except UnicodeEncodeError:
        return f"Basic {b64encode(both.encode()).decode()}"
