"""URLs, header fields and bodies of requests; the names of header fields are case-insensitive."""

import json as to_json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote, urlencode, urljoin, urlsplit

from urllib3 import encode_multipart_formdata

from harness.generator.http.failures import MalformedResponseError, UnsendableError

PORTS = {"http": 80, "https": 443}


Fields = Mapping[str, Any]
"""Text or bytes by name; a field with ``None`` is left out."""


def with_path(url: str) -> str:
    """A URL without a path, such as ``http://host?query``, as ``http://host/?query``."""
    end = min(place for place in (url.find("?"), url.find("#")) if place >= 0)
    return f"{url[:end]}/{url[end:]}"


def with_query(url: str, params: Any) -> str:  # noqa: ANN401 - what urlencode takes
    """The URL without its fragment, with these parameters appended to its query."""
    url = url.partition("#")[0]
    return url + ("&" if "?" in url else "?") + urlencode(params, doseq=True)


def redirected(url: str, location: bytes) -> str:
    """The absolute URL of a Location field; raises ``MalformedResponseError`` where it is no HTTP URL."""
    try:
        target = urljoin(url, _readable(location))
        scheme = urlsplit(target).scheme
    except ValueError:
        raise MalformedResponseError(f"redirected to {_readable(location)!r}, which is no URL") from None
    if scheme not in PORTS:
        raise MalformedResponseError(f"redirected to {target!r}, which is not HTTP")
    return scheme + target[len(scheme) :]


def without_password(url: str) -> tuple[str, str | None]:
    """A base URL without its user name and password, and these as the value of an Authorization field."""
    if "@" not in url:
        return url, None
    address = urlsplit(url)
    if address.username is None:
        return url, None
    bare = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
    return bare, basic_auth(unquote(address.username), unquote(address.password or ""))


def _readable(location: bytes) -> str:
    try:
        return location.decode()
    except UnicodeDecodeError:
        return location.decode("latin-1")


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
