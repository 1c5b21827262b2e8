"""Request bodies from what a user file passes, and the header fields that belong to them."""

import json as to_json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import urlencode

from urllib3 import encode_multipart_formdata


def encode_body(
    data: Any,  # noqa: ANN401 - bytes, text, a form, a file
    json: Any,  # noqa: ANN401 - whatever JSON can say
    files: Mapping[str, Any] | None,
) -> tuple[bytes, Mapping[str, str]]:
    """The body of a request and its header fields."""
    if files:
        parts = {**(data or {}), **{name: _part(name, what) for name, what in files.items()}}
        body, kind = encode_multipart_formdata(parts)
        return body, {"Content-Type": kind}
    if data is None or (not data and json is not None):
        return to_json.dumps(json).encode(), {"Content-Type": "application/json", "Accept": "application/json"}
    if hasattr(data, "read"):
        data = data.read()
    if not data:
        return b"", {}
    if isinstance(data, str):
        return data.encode(), {"Content-Type": "text/plain; charset=utf-8"}
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data), {"Content-Type": "application/octet-stream"}
    return urlencode(data, doseq=True).encode(), {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


def _part(name: str, what: Any) -> Any:  # noqa: ANN401 - contents, a file, or a tuple with either
    if isinstance(what, tuple):
        return (what[0], what[1].read() if hasattr(what[1], "read") else what[1], *what[2:])
    file = getattr(what, "name", None)
    return (PurePath(file).name if isinstance(file, str) else name, what.read() if hasattr(what, "read") else what)


def basic_auth(name: str | bytes, password: str | bytes) -> str:
    """The value of an Authorization field; in Latin-1 as other clients do, in UTF-8 where that is not possible."""
    both = ":".join(part.decode("latin-1") if isinstance(part, bytes) else part for part in (name, password))
    try:
        return f"Basic {b64encode(both.encode('latin-1')).decode()}"
    except UnicodeEncodeError:
        return f"Basic {b64encode(both.encode()).decode()}"
