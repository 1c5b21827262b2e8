"""Response: decoded only as far as it is read, with the attributes that FastHttpUser has."""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

import brotli
from charset_normalizer import detect
from locust.exception import CatchResponseError, LocustError, ResponseError
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPHeaderDict

from harness.generator.http.connection import Connection
from harness.generator.http.failures import FailedRequestError, MalformedResponseError

if TYPE_CHECKING:
    from harness.generator.http.response_headers import KnownHeader

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_NOT_ENTERED = "success() and failure() need a with-block: with self.client.get(..., catch_response=True) as response:"


class StreamedBody:
    """The unread body of a streamed response; closes the connection when it is dropped unread."""

    def __init__(self, connection: Connection, release: Callable[[Connection], None]) -> None:
        self._connection, self._release = connection, release
        self._begun = False

    def parts(self) -> Iterator[bytes]:
        """The parts as they arrive, then release the connection; raises ``FailedRequestError`` when one is lost."""
        self._begun = True
        try:
            yield from self._connection.stream_body()
        except BaseException:
            self._connection.close()
            raise
        self._release(self._connection)

    def __del__(self) -> None:
        if not self._begun:
            self._connection.close()


class Response:
    """A response; without one, ``error`` is the reason, ``status_code`` 0 and ``content`` ``None``."""

    def __init__(self, url: str, sent: float) -> None:
        self.url, self.sent = url, sent  # start of the request on ``time.perf_counter``
        self.status_code = 0
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self.known_header: KnownHeader | None = None  # where it was not parsed
        self.body: bytes | None = None
        self.error: Exception | None = None
        self.encoding: str | None = None
        self._content: bytes | None = None
        self._headers: HTTPHeaderDict | None = None
        self._unread: StreamedBody | None = None

    def receive(self, connection: Connection, unread: StreamedBody | None) -> None:
        """Take what a connection received; with ``unread`` the body is still to come."""
        self.status_code, self.raw_headers = connection.status, connection.headers
        self.known_header = connection.header
        self._headers, self._unread = None, unread
        if unread is None:
            chunks = connection.chunks
            self.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def fail(self, error: FailedRequestError) -> None:
        """Record a failure, which replaces any earlier response of a redirect."""
        self.error, self.status_code, self.raw_headers, self.body = error, 0, [], None
        self._headers = self._unread = self.known_header = None

    @property
    def ok(self) -> bool:
        return self.status_code < HTTPStatus.BAD_REQUEST

    @property
    def headers(self) -> HTTPHeaderDict:
        if self._headers is None:
            decoded = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw_headers)
            self._headers = HTTPHeaderDict(decoded)
        return self._headers

    @property
    def content(self) -> bytes | None:
        """The body, decompressed, or ``None`` and ``error``; raises ``FailedRequestError`` of a stream."""
        if self._unread is not None:
            self.body = b"".join(self._stream())
        if self._content is None and self.body is not None:
            try:
                self._content = _decompressed(self.body, self.headers.get("Content-Encoding", ""))
            except MalformedResponseError as error:
                self.error, self.body = error, None
        return self._content

    @property
    def text(self) -> str | None:
        """The body as text: in the encoding set by the user, given in the header, or detected."""
        content = self.content
        if content is None:
            return None
        if self.encoding is None:
            given = get_encoding_from_headers(CaseInsensitiveDict(self.headers))
            self.encoding = given or str(detect(content)["encoding"] or "utf-8")
        try:
            return content.decode(self.encoding, errors="replace")
        except LookupError:  # an unknown encoding in the header
            return content.decode(errors="replace")

    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """The parsed body; raises ``json.JSONDecodeError``."""
        return json.loads(self.content if self.content is not None else b"")

    def iter_content(self, chunk_size: int = 1024, *, decode_content: bool = True) -> Iterator[bytes | str]:
        """The body in parts, as they arrive with ``stream=True``; as text where ``decode_content`` and valid UTF-8."""
        parts = self._stream() if self._unread is not None else iter((self.content or b"",))
        for part in parts:
            for start in range(0, len(part), chunk_size):
                piece = part[start : start + chunk_size]
                yield _as_text(piece) if decode_content else piece

    def raise_for_status(self) -> None:
        if self.error is not None:
            raise self.error

    def header(self, name: bytes) -> bytes | None:
        """The first field with this lower-case name; does not decode the others."""
        length = len(name)
        for field, value in self.raw_headers:
            if len(field) == length and field.lower() == name:
                return value
        return None

    def success(self) -> None:
        raise LocustError(_NOT_ENTERED)

    def failure(self, exc: object) -> None:  # noqa: ARG002 - the signature of the class below
        raise LocustError(_NOT_ENTERED)

    def _stream(self) -> Iterator[bytes]:
        unread, self._unread = self._unread, None
        if unread is not None:
            yield from unread.parts()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> bool | None:
        return None


class CaughtResponse(Response):
    """A response whose request is reported at the end of its with-block, with the result that the block sets."""

    def __init__(self, url: str, sent: float) -> None:
        super().__init__(url, sent)
        self._result: bool | Exception | None = None
        self._entered = False

    def report_with(self, fire: Callable[..., None], request_meta: dict[str, Any]) -> Self:
        self._fire, self.request_meta = fire, request_meta
        return self

    def success(self) -> None:
        self._check_entered()
        self._result = True

    def failure(self, exc: object) -> None:
        self._check_entered()
        self._result = exc if isinstance(exc, Exception) else CatchResponseError(exc)

    def raise_for_status(self) -> None:
        """Raise the error, unless the block set another result."""
        if isinstance(self._result, Exception):
            raise self._result
        if not self._result:
            super().raise_for_status()

    def _check_entered(self) -> None:
        if not self._entered:
            raise LocustError(_NOT_ENTERED)

    def __enter__(self) -> Self:
        self._entered = True
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> bool | None:
        """As Locust does: an exception of the block other than a failed response leaves the request unreported."""
        if self._result is not None:
            error = None if self._result is True else self._result
        elif kind is None:
            error = self.error
        elif not isinstance(error, (ResponseError, FailedRequestError)):
            return False
        self._fire(**self.request_meta | {"exception": error}, response=self)
        return self._result is None or kind is None


def _decompressed(body: bytes, encoding: str) -> bytes:
    for name in reversed([part.strip().lower() for part in encoding.split(",") if part.strip()]):
        try:
            body = _DECOMPRESS.get(name, bytes)(body)
        except (zlib.error, brotli.error) as error:
            raise MalformedResponseError(f"the body is not {name}, as Content-Encoding says: {error}") from None
    return body


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompress(body, _GZIP_OR_ZLIB)
    except zlib.error:
        return zlib.decompress(body, -zlib.MAX_WBITS)  # some servers send deflate without its wrapper


def _gunzipped(body: bytes) -> bytes:
    return zlib.decompress(body, _GZIP_OR_ZLIB) if body else body


_DECOMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": _gunzipped,
    "x-gzip": _gunzipped,
    "deflate": _inflated,
    "br": brotli.decompress,
}


def _as_text(part: bytes) -> bytes | str:
    try:
        return part.decode()
    except UnicodeDecodeError:
        return part
