"""Session: the requests of one user, its connections and cookies, and the report of each request to Locust."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from locust import User

from harness.generator.address import PORTS, redirected, with_path, without_password
from harness.generator.connection import Connection, Limits
from harness.generator.cookies import Jar
from harness.generator.failures import (
    BadStatusError,
    FailedRequestError,
    TooManyRedirectsError,
    UnansweredError,
    UnsendableError,
)
from harness.generator.fields import Fields, completed, has, lines_of, of_body
from harness.generator.payload import basic, payload_of
from harness.generator.response import CaughtResponse, Response, Unread
from harness.generator.server import Server
from harness.generator.tls import context_of

SECRETS = ("Authorization", "Cookie")
AS_THEY_ARE = "!#$%&'()*+,/:;=?@[]~"
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
REDIRECTS = frozenset((301, 302, 303, 307, 308))
SPARE_CONNECTIONS = 10


class HttpSession:
    """The requests of one user: its connections, its cookies, and the report of each request to Locust.

    Args:
        base_url: what is put before a path; a name and password in it are sent with every request.
        request_event: Locust's event hook.
        user: whose ``context()`` travels with each report.
    """

    def __init__(
        self,
        base_url: str,
        request_event: Any,  # noqa: ANN401 - Locust's hook
        user: User | None,
        *,
        limits: Limits,
        max_redirects: int = 30,
        insecure: bool = True,
        ssl_context_factory: Callable[[], Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.base_url, authorization = without_password(base_url.rstrip("/"))
        self.user = user
        self.request_name: str | None = None
        self.yielded = False
        """Whether a request has let other users run; whoever cares sets it back."""
        self.cookiejar = Jar()
        self._fire: Callable[..., None] = request_event.fire
        self._limits, self._max_redirects = limits, max_redirects
        self._insecure, self._make_context = insecure, ssl_context_factory
        self._headers = completed(headers or {}, {"User-Agent": "harness", "Accept-Encoding": "gzip, deflate, br"})
        self._authorization = {"Authorization": authorization} if authorization else {}
        self._sites: dict[str, _Site] = {}

    def request(  # noqa: PLR0917 - the signature of FastHttpUser's client
        self,
        method: str,
        url: str,
        name: str | None = None,
        data: Any = None,  # noqa: ANN401 - bytes, text, a form, a file
        catch_response: bool = False,
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str | bytes, str | bytes] | None = None,
        json: Any = None,  # noqa: ANN401 - whatever JSON can say
        allow_redirects: bool = True,
        context: Mapping[str, Any] | None = None,
        params: Any = None,  # noqa: ANN401 - what urlencode takes
        files: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - a Response; Any, as in Locust, so that the user files of either client check
        """Send a request, report it to Locust, and return the response; it never raises for what a server does.

        Args:
            method: as it is sent, in capitals.
            url: a path after the base URL, or a whole URL.
            name: what reports call the request; default: ``url`` as it is written.
            data: the body: bytes, text, a mapping (sent as a form) or a file that is open for reading.
            json: the body where there is no ``data``.
            catch_response: report when the with-block of the response ends, as what the block says it was.
            headers: fields of this request, over those of every request; ``None`` leaves one out.
            auth: name and password for this request.
            allow_redirects: follow them; the sample is the whole chain, with the last answer.
            stream: return when the header is there; the body comes with ``iter_content``, outside the measured time.
            context: goes to the listeners of the request event.
            params: the query, appended to the URL.
            files: parts of a multipart form: contents, or (file name, contents, content type).
        """
        address = url if url.startswith(("http://", "https://")) else self.base_url + url
        if params:
            address = address.partition("#")[0]
            address += ("&" if "?" in address else "?") + urlencode(params, doseq=True)
        fields: Mapping[str, str] = headers or {}
        body = b""
        if data is not None or json is not None or files:
            body, kind = payload_of(data, json, files)
            fields = {**kind, **fields} if not headers else completed(fields, kind)
        if auth:
            fields = {**fields, "Authorization": basic(*auth)}
        given = self.user.context() if self.user is not None else {}
        wall, started = time.time(), time.perf_counter()
        response = (CaughtResponse if catch_response else Response)(address, started)
        try:
            self._follow(response, method, address, fields, body, stream=stream, redirects=allow_redirects)
            if response.status_code >= HTTPStatus.BAD_REQUEST:
                response.error = BadStatusError(f"{response.status_code} for url: {address}")
        except FailedRequestError as error:
            response.fail(error)
        meta = {
            "request_type": method,
            "response_time": (time.perf_counter() - started) * 1000,
            "name": name or self.request_name or url,
            "context": {**given, **context} if context else given,
            "exception": response.error,
            "start_time": wall,
            "url": address,
            "response_length": len(response.body) if response.body is not None else _announced(response),
        }
        if isinstance(response, CaughtResponse):
            return response.report_through(self._fire, meta)
        self._fire(**meta, response=response)
        return response

    def get(self, url: str, **kwargs: Any) -> Any:  # noqa: ANN401 - as request
        """Send a GET request."""
        return self.request("GET", url, **kwargs)

    def head(self, url: str, **kwargs: Any) -> Any:  # noqa: ANN401 - as request
        """Send a HEAD request."""
        return self.request("HEAD", url, **kwargs)

    def options(self, url: str, **kwargs: Any) -> Any:  # noqa: ANN401 - as request
        """Send an OPTIONS request."""
        return self.request("OPTIONS", url, **kwargs)

    def delete(self, url: str, **kwargs: Any) -> Any:  # noqa: ANN401 - as request
        """Send a DELETE request."""
        return self.request("DELETE", url, **kwargs)

    def post(self, url: str, data: Any = None, json: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401 - as request
        """Send a POST request."""
        return self.request("POST", url, data=data, json=json, **kwargs)

    def put(self, url: str, data: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401 - as request
        """Send a PUT request."""
        return self.request("PUT", url, data=data, **kwargs)

    def patch(self, url: str, data: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401 - as request
        """Send a PATCH request."""
        return self.request("PATCH", url, data=data, **kwargs)

    def iter_lines(self, url: str, method: str = "GET", **kwargs: Any) -> Iterator[str]:  # noqa: ANN401 - as request
        """Send a request and take the lines of its answer as they come."""
        response = self.request(method, url, stream=True, **kwargs)
        response.raise_for_status()
        left = b""
        for part in response.iter_content(decode_content=False):
            *lines, left = (left + part).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
        if left:
            yield left.decode(errors="replace")

    @contextmanager
    def rename_request(self, name: str) -> Iterator[None]:
        """Call all requests of a with-block by one name."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def close(self) -> None:
        """Close all connections, those that requests are still under way on when these are done."""
        for site in self._sites.values():
            site.close()
        self._sites.clear()

    def _follow(
        self,
        response: Response,
        method: str,
        url: str,
        fields: Mapping[str, str],
        body: bytes,
        *,
        stream: bool,
        redirects: bool,
    ) -> None:
        """Send a request, and what redirects ask for in its place."""
        for _ in range(self._max_redirects + 1):
            self._send(response, method, url, fields, body, stream=stream)
            if response.status_code not in REDIRECTS or not redirects:
                return
            location = response.header(b"location")
            if location is None:
                return
            before, url = url, redirected(url, location)
            if response.status_code < HTTPStatus.TEMPORARY_REDIRECT:
                method, body = "HEAD" if method == "HEAD" else "GET", b""
                fields = {name: value for name, value in fields.items() if not of_body(name)}
            if before.split("/", 3)[:3] != url.split("/", 3)[:3]:
                fields = {name: value for name, value in fields.items() if name.lower() != "host"}
                fields = completed(dict.fromkeys(SECRETS), fields)
            response.url = url
        raise TooManyRedirectsError(f"more than {self._max_redirects} redirects (max_redirects of the user class)")

    def _send(
        self, response: Response, method: str, url: str, fields: Mapping[str, str], body: bytes, *, stream: bool
    ) -> None:
        parts = url.split("/", 3)
        try:
            start = f"{parts[0]}//{parts[2]}"
        except IndexError:
            raise UnsendableError(f"{url} is no HTTP address") from None
        if (site := self._sites.get(start)) is None:
            if "?" in start or "#" in start:  # no path
                self._send(response, method, with_path(url), fields, body, stream=stream)
                return
            site = self._site(start)
        head = self._head(site, method, url, parts[3] if len(parts) > 3 else "", fields, body)  # noqa: PLR2004
        expecting = bool(body) and any(name.lower() == "expect" for name in fields)
        while True:
            connection = site.connections.pop() if site.connections else None
            if connection is None or not connection.open:
                connection = Connection(site.server, self._limits)
            try:
                connection.exchange(
                    head, body, response.sent, without_body=method == "HEAD", streamed=stream, expecting=expecting
                )
            except UnansweredError:
                if connection.reused and method in IDEMPOTENT:
                    continue  # the server gave the connection up while the request was on its way (RFC 9110, 9.2.2)
                raise
            break
        self.yielded = True
        response.take(connection, Unread(connection, site.free) if stream else None)
        if not stream:
            site.free(connection)
        if response.header_known is None or response.header_known.sets_cookies:
            self._keep_cookies(response, url)

    def _keep_cookies(self, response: Response, url: str) -> None:
        for name, _ in response.raw_headers:
            if len(name) == 10 and name.lower() == b"set-cookie":  # noqa: PLR2004 - spares most names the lower()
                self.cookiejar.take(url, response.headers)
                return

    def _head(  # noqa: PLR0917 - the parts of a request line and what follows it
        self, site: "_Site", method: str, url: str, target: str, fields: Mapping[str, str], body: bytes
    ) -> bytes:
        if "#" in target:
            target = target.partition("#")[0]
        if " " in target or not (target.isascii() and target.isprintable()):
            target = quote(target, safe=AS_THEY_ARE)
        lines = f"{method} /{target} HTTP/1.1\r\n{site.fields}"
        if fields:
            fields = completed(fields, site.defaults)
            lines = f"{method} /{target} HTTP/1.1\r\n{lines_of(fields)}"
        if fields and has(fields, "content-length"):
            pass
        elif body:
            lines += f"Content-Length: {len(body)}\r\n"
        elif method in {"POST", "PUT", "PATCH"}:
            lines += "Content-Length: 0\r\n"
        if self.cookiejar.used and not (fields and has(fields, "cookie")) and (cookies := self.cookiejar.header(url)):
            lines += f"Cookie: {cookies}\r\n"
        try:
            return (lines + "\r\n").encode("latin-1")
        except UnicodeEncodeError:
            raise UnsendableError("a header field has characters outside of Latin-1") from None

    def _site(self, start: str) -> "_Site":
        try:
            address = urlsplit(start)
            host, port = address.hostname, address.port or PORTS[address.scheme]
        except (ValueError, KeyError):
            host, port = None, 0
        if not host:
            raise UnsendableError(f"{start} is no HTTP address") from None
        context = context_of(self._make_context, insecure=self._insecure) if address.scheme == "https" else None
        fields = completed(self._headers, {"Host": address.netloc.rpartition("@")[2]})
        if self.base_url.split("/", 3)[:3] == start.split("/"):  # its password is for that server only
            fields = completed(self._authorization, fields)
        self._sites[start] = site = _Site(Server(host, port, context), fields)
        return site


class _Site:
    """A server that a user asks, what is said to it every time, and the connections that are free."""

    __slots__ = ("connections", "defaults", "fields", "room", "server")

    def __init__(self, server: Server, defaults: Fields) -> None:
        self.server, self.defaults, self.fields = server, defaults, lines_of(defaults)
        self.connections: list[Connection] = []
        self.room = SPARE_CONNECTIONS

    def free(self, connection: Connection) -> None:
        """Keep a connection for the next request, if it can be kept."""
        if connection.open:
            if len(self.connections) < self.room:
                self.connections.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Close the connections, and those that come back later."""
        self.room = 0
        for connection in self.connections:
            connection.close()
        self.connections.clear()


def _announced(response: Response) -> int:
    length = response.header(b"content-length")
    return int(length) if length is not None and length.isdigit() else 0
