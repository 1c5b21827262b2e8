"""Session: the requests of one user, its connections and cookies, and the report of each request to Locust."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partialmethod
from http import HTTPStatus
from http.cookiejar import Cookie, DefaultCookiePolicy
from sys import intern
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from requests.cookies import MockRequest, MockResponse, RequestsCookieJar
from urllib3 import HTTPHeaderDict

from harness.generator.http import failures
from harness.generator.http import request_parts as parts
from harness.generator.http.connection import ConnectionLimits
from harness.generator.http.connection_pool import ConnectionPool
from harness.generator.http.request_event import request_event_of
from harness.generator.http.request_parts import Fields
from harness.generator.http.response import CaughtResponse, Response, StreamedBody

SECRETS = ("Authorization", "Cookie")
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
REDIRECTS = frozenset((301, 302, 303, 307, 308))
MAX_HEADS = 4096
_heads: dict[tuple[str, str, str], tuple[str, bytes]] = {}
"""Origin and head of a request, by the user's default fields, the method and the URL."""


class CookieStore(RequestsCookieJar):
    """Cookies; ``used`` is False until the first one, which spares searching."""

    used = False

    def __init__(self) -> None:
        super().__init__(DefaultCookiePolicy(secure_protocols=("http", "https")))  # as FastHttpUser does

    def set_cookie(self, cookie: Cookie, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the library's
        self.used = True
        super().set_cookie(cookie, *args, **kwargs)

    def keep_from(self, url: str, headers: HTTPHeaderDict) -> None:
        message = SimpleNamespace(get_all=lambda name, default=None: headers.getlist(name) or default)
        response: Any = MockResponse(message)
        self.extract_cookies(response, _request_for(url))

    def header(self, url: str) -> str | None:
        """The Cookie field of a request for ``url``; ``None`` without cookies."""
        request = _request_for(url)
        self.add_cookie_header(request)
        found: str | None = request.get_new_headers().get("Cookie")
        return found


def _request_for(url: str) -> Any:  # noqa: ANN401 - stands for a urllib request
    request: Any = SimpleNamespace(url=url, headers={"Host": urlsplit(url).netloc})
    return MockRequest(request)


class HttpSession:
    """The requests of one user, with the settings of its class and its ``context()`` in each report."""

    def __init__(self, user: Any) -> None:  # noqa: ANN401 - an HttpUser, whose module imports this one
        self.user = user
        self.base_url, authorization = parts.without_password((user.host or "").rstrip("/"))
        self.request_name: str | None = None
        self.yielded = False
        """Whether a request has let other users run since it was last set to False."""
        self.cookiejar = CookieStore()
        self._event = request_event_of(user.environment.events.request)
        self._limits = ConnectionLimits(user.connection_timeout, user.network_timeout, user.most_body_bytes)
        own = {"User-Agent": "harness", "Accept-Encoding": "gzip, deflate, br"}
        self._headers = parts.with_defaults(user.default_headers or {}, own)
        self._authorization = {"Authorization": authorization} if authorization else {}
        self._defaults = intern(str((self.base_url, self._headers, self._authorization)))  # equal for most users
        self._pools: dict[str, ConnectionPool] = {}

    def request(  # noqa: PLR0913, PLR0917 - the signature of FastHttpUser's client
        self,
        method: str,
        url: str,
        name: str | None = None,
        data: Any = None,  # noqa: ANN401 - bytes, text, a form, a file
        catch_response: bool = False,
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str | bytes, str | bytes] | None = None,
        json: Any = None,  # noqa: ANN401 - any JSON value
        allow_redirects: bool = True,
        context: Mapping[str, Any] | None = None,
        params: Any = None,  # noqa: ANN401 - what urlencode takes
        files: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - a Response; Any, as in Locust, so that the user files of either client check
        """Send a request, report it to Locust, and return the response; it never raises for what a server does.

        Args:
            method: in capitals.
            url: a path after the base URL, or a whole URL.
            name: the endpoint name in reports; default: ``url``.
            data: the body: bytes, text, a mapping (sent as a form) or a file open for reading.
            json: the body where there is no ``data``.
            catch_response: report at the end of the response's with-block, with the result that it sets.
            headers: fields of this request, over those of every request; ``None`` leaves one out.
            auth: name and password for this request.
            allow_redirects: follow redirects; the sample is the whole chain, with the last response.
            stream: return after the header; ``iter_content`` receives the body, outside the measured time.
            context: passed to the listeners of the request event.
            params: the query, appended to the URL.
            files: parts of a multipart form: contents, or (file name, contents, content type).
        """
        address = url if url.startswith(("http://", "https://")) else self.base_url + url
        if params:
            address = parts.with_query(address, params)
        fields: Fields = headers or {}
        body = b""
        if data is not None or json is not None or files:
            body, kind = parts.encode_body(data, json, files)
            fields = {**kind, **fields} if not headers else parts.with_defaults(fields, kind)
        if auth:
            fields = {**fields, "Authorization": parts.basic_auth(*auth)}
        given = self.user.context()
        wall, started = time.time(), time.perf_counter()
        response = (CaughtResponse if catch_response else Response)(address, started)
        try:
            self._follow(response, method, address, fields, body, stream=stream, redirects=allow_redirects)
            if response.status_code >= HTTPStatus.BAD_REQUEST:
                response.error = failures.BadStatusError(f"{response.status_code} for url: {address}")
        except failures.FailedRequestError as error:
            response.fail(error)
        response_time = (time.perf_counter() - started) * 1000
        name = name or self.request_name or url
        context = {**given, **context} if context else given
        length = len(response.body) if response.body is not None else _content_length(response)
        if not isinstance(response, CaughtResponse):
            self._event.report(method, name, response_time, length, response.error, response, wall, address, context)
            return response
        meta = {"request_type": method, "name": name, "response_time": response_time, "response_length": length}
        meta |= {"exception": response.error, "start_time": wall, "url": address, "context": context}
        return response.report_with(self._event.fire, meta)

    def get(self, url: str, name: str | None = None, **kwargs: Any) -> Any:  # noqa: ANN401 - as request
        return self.request("GET", url, name, **kwargs) if kwargs else self.request("GET", url, name)

    head = partialmethod(request, "HEAD")
    options = partialmethod(request, "OPTIONS")
    delete = partialmethod(request, "DELETE")

    def post(self, url: str, data: Any = None, json: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401 - as request
        return self.request("POST", url, data=data, json=json, **kwargs)

    def put(self, url: str, data: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401 - as request
        return self.request("PUT", url, data=data, **kwargs)

    def patch(self, url: str, data: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401 - as request
        return self.request("PATCH", url, data=data, **kwargs)

    def iter_lines(self, url: str, method: str = "GET", **kwargs: Any) -> Iterator[str]:  # noqa: ANN401 - as request
        """Send a request; yields the lines of its response as they arrive."""
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
        """Give all requests of a with-block one name."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def close(self) -> None:
        """Close all connections; those in use close when their request is done."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def _follow(
        self, response: Response, method: str, url: str, fields: Fields, body: bytes, *, stream: bool, redirects: bool
    ) -> None:
        for _ in range(self.user.max_redirects + 1):
            pool, head = self._prepare(method, url, fields, body)
            self._exchange(response, pool, method, head, body, stream=stream)
            if (header := response.known_header) is None or header.sets_cookies:
                self._keep_cookies(response, url)
            if response.status_code not in REDIRECTS or not redirects:
                return
            location = response.header(b"location")
            if location is None:
                return
            before, url = url, parts.redirected(url, location)
            if response.status_code < HTTPStatus.TEMPORARY_REDIRECT:
                method, body = "HEAD" if method == "HEAD" else "GET", b""
                fields = {name: value for name, value in fields.items() if not parts.describes_body(name)}
            if before.split("/", 3)[:3] != url.split("/", 3)[:3]:
                fields = {name: value for name, value in fields.items() if name.lower() != "host"}
                fields = parts.with_defaults(dict.fromkeys(SECRETS), fields)
            response.url = url
        most = self.user.max_redirects
        raise failures.TooManyRedirectsError(f"more than {most} redirects (max_redirects of the user class)")

    def _exchange(
        self, response: Response, pool: ConnectionPool, method: str, head: bytes, body: bytes, *, stream: bool
    ) -> None:
        expecting = bool(body) and b"\r\nexpect:" in head.lower()
        while True:
            connection = pool.connection(self._limits)
            try:
                connection.exchange(
                    head, body, response.sent, without_body=method == "HEAD", streamed=stream, expecting=expecting
                )
            except failures.NoResponseError:
                if connection.reused and method in IDEMPOTENT:
                    continue  # the server closed the idle connection meanwhile (RFC 9110, 9.2.2)
                raise
            break
        self.yielded = True
        response.receive(connection, StreamedBody(connection, pool.release) if stream else None)
        if not stream:
            pool.release(connection)

    def _keep_cookies(self, response: Response, url: str) -> None:
        for name, _ in response.raw_headers:
            if len(name) == 10 and name.lower() == b"set-cookie":  # noqa: PLR2004 - spares most names the lower()
                self.cookiejar.keep_from(url, response.headers)
                return

    def _prepare(self, method: str, url: str, fields: Fields, body: bytes) -> tuple[ConnectionPool, bytes]:
        """The pool and the head of a request; a request with nothing of its own is encoded once for all users."""
        key = None if fields or body or self.cookiejar.used else (self._defaults, method, url)
        if key is not None and (cached := _heads.get(key)) is not None and (pool := self._pools.get(cached[0])):
            return pool, cached[1]
        pieces = url.split("/", 3)
        try:
            origin = f"{pieces[0]}//{pieces[2]}"
        except IndexError:
            raise failures.UnsendableError(f"{url} is no HTTP address") from None
        if (found := self._pools.get(origin)) is None:
            if "?" in origin or "#" in origin:  # no path
                return self._prepare(method, parts.with_path(url), fields, body)
            found = self._new_pool(origin)
        own = self.cookiejar.used and not (fields and parts.has_field(fields, "cookie"))
        cookies = self.cookiejar.header(url) if own else None
        head = found.head(method, pieces[3] if len(pieces) > 3 else "", fields, body, cookies)  # noqa: PLR2004
        if key is not None:
            if len(_heads) >= MAX_HEADS:
                _heads.clear()
            _heads[key] = origin, head
        return found, head

    def _new_pool(self, origin: str) -> ConnectionPool:
        fields = self._headers
        if self.base_url.split("/", 3)[:3] == origin.split("/"):  # the password is for this server only
            fields = parts.with_defaults(self._authorization, fields)
        self._pools[origin] = pool = ConnectionPool(
            origin, fields, self.user.ssl_context_factory, insecure=self.user.insecure
        )
        return pool


def _content_length(response: Response) -> int:
    length = response.header(b"content-length")
    return int(length) if length is not None and length.isdigit() else 0
