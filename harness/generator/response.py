"""Response: what a request brought, read only as far as somebody looks, with the attributes that FastHttpUser has."""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import brotli
from charset_normalizer import detect
from locust.exception import CatchResponseError, LocustError, ResponseError
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPHeaderDict

from harness.generator.connection import Connection
from harness.generator.failures import FailedRequestError, MalformedAnswerError

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_NOT_ENTERED = "success() and failure() need a with-block: with self.client.get(..., catch_response=True) as response:"


class Response:
    """An answer, or in ``error`` why there is none; then ``status_code`` is 0 and ``content`` is ``None``.

    ``sent`` is when the request began, on ``time.perf_counter``; ``raw_headers`` are the fields as they came.
    """

    __slots__ = (
        "__dict__",
        "_connection",
        "_content",
        "_headers",
        "body",
        "encoding",
        "error",
        "raw_headers",
        "sent",
        "status_code",
        "url",
    )

    def __init__(self, url: str, sent: float) -> None:
        self.url, self.sent = url, sent
        self.status_code = 0
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self.body: bytes | None = None
        self.error: Exception | None = None
        self.encoding: str | None = None
        self._content: bytes | None = None
        self._headers: HTTPHeaderDict | None = None
        self._connection: Connection | None = None

    def take(self, connection: Connection, *, streamed: bool) -> None:
        """Take over what a connection received; if ``streamed`` the connection too, until the body has come."""
        self.status_code, self.raw_headers = connection.status, connection.headers
        if streamed:
            self._connection = connection
        else:
            chunks = connection.chunks
            self.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < HTTPStatus.BAD_REQUEST

    @property
    def headers(self) -> HTTPHeaderDict:
        """The header fields, whatever their case."""
        if self._headers is None:
            decoded = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw_headers)
            self._headers = HTTPHeaderDict(decoded)
        return self._headers

    @property
    def content(self) -> bytes | None:
        """The body, decompressed.

        Raises:
            MalformedAnswerError: when it is not what Content-Encoding says.
        """
        if self._connection is not None:
            self.body = b"".join(self._rest())
        if self._content is None and self.body is not None:
            self._content = _decompressed(self.body, self.headers.get("Content-Encoding", ""))
        return self._content

    @property
    def text(self) -> str | None:
        """The body as text: in the encoding that was set, that the header tells, or that it looks like."""
        content = self.content
        if content is None:
            return None
        if self.encoding is None:
            self.encoding = get_encoding_from_headers(CaseInsensitiveDict(self.headers)) or str(
                detect(content)["encoding"] or "utf-8"
            )
        return content.decode(self.encoding, errors="replace")

    def json(self) -> Any:  # noqa: ANN401 - whatever JSON can say
        """The body, parsed.

        Raises:
            json.JSONDecodeError: when it is not JSON.
        """
        return json.loads(self.content if self.content is not None else b"")

    def iter_content(self, chunk_size: int = 1024, *, decode_content: bool = True) -> Iterator[bytes | str]:
        """The body in parts, as it comes with ``stream=True``; as text where a part is UTF-8 and decoding is wanted."""
        parts = self._rest() if self._connection is not None else iter((self.content or b"",))
        for part in parts:
            for start in range(0, len(part), chunk_size):
                piece = part[start : start + chunk_size]
                yield _as_text(piece) if decode_content else piece

    def raise_for_status(self) -> None:
        """Raise what went wrong, if something did."""
        if self.error is not None:
            raise self.error

    def header(self, name: bytes) -> bytes | None:
        """One field by its name in lower case, without reading the others."""
        length = len(name)
        for field, value in self.raw_headers:
            if len(field) == length and field.lower() == name:
                return value
        return None

    def success(self) -> None:
        """Only with ``catch_response=True``."""
        raise LocustError(_NOT_ENTERED)

    def failure(self, exc: object) -> None:  # noqa: ARG002 - the signature of the class below
        """Only with ``catch_response=True``."""
        raise LocustError(_NOT_ENTERED)

    def _rest(self) -> Iterator[bytes]:
        connection, self._connection = self._connection, None
        if connection is not None:
            yield from connection.rest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return None


class CaughtResponse(Response):
    """A response whose request is reported when its with-block ends, as what the block says it was."""

    __slots__ = ("_entered", "_fire", "_result", "request_meta")

    def __init__(self, url: str, sent: float) -> None:
        super().__init__(url, sent)
        self._result: bool | Exception | None = None
        self._entered = False

    def report_through(self, fire: Callable[..., None], request_meta: dict[str, Any]) -> Self:
        """Report with ``fire`` and these arguments when the with-block ends."""
        self._fire, self.request_meta = fire, request_meta
        return self

    def success(self) -> None:
        """Report the request as successful, whatever its status."""
        self._check_entered()
        self._result = True

    def failure(self, exc: object) -> None:
        """Report the request as failed, for a reason that is an exception or a text."""
        self._check_entered()
        self._result = exc if isinstance(exc, Exception) else CatchResponseError(exc)

    def raise_for_status(self) -> None:
        """Raise what went wrong, if something did and the block did not say otherwise."""
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """As Locust does: an exception of the block that is no failed response leaves the request unreported."""
        if self._result is not None:
            self.request_meta["exception"] = None if self._result is True else self._result
            self._fire(**self.request_meta)
            return kind is None
        if kind is not None:
            if not isinstance(error, (ResponseError, FailedRequestError)):
                return False
            self.request_meta["exception"] = error
        else:
            self.request_meta["exception"] = self.error
        self._fire(**self.request_meta)
        return True


def _decompressed(body: bytes, encoding: str) -> bytes:
    for name in reversed([part.strip().lower() for part in encoding.split(",") if part.strip()]):
        try:
            body = _DECOMPRESS.get(name, bytes)(body)
        except (zlib.error, brotli.error) as error:
            raise MalformedAnswerError(f"the body is not {name}, as Content-Encoding says: {error}") from None
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
