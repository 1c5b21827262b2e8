"""Cookies: what a user keeps between requests, by the rules of the standard library's cookie jar."""

from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

from requests.cookies import MockRequest, MockResponse, RequestsCookieJar
from urllib3 import HTTPHeaderDict


class CookieStore(RequestsCookieJar):
    """Cookies; ``used`` spares those who never got one the search for it."""

    used = False

    def __init__(self) -> None:
        super().__init__(DefaultCookiePolicy(secure_protocols=("http", "https")))  # as FastHttpUser does

    def set_cookie(self, cookie: Cookie, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the library's
        """Keep a cookie, a server's or the user's own."""
        self.used = True
        super().set_cookie(cookie, *args, **kwargs)

    def keep_from(self, url: str, headers: HTTPHeaderDict) -> None:
        """Keep the cookies of an answer to a request for ``url``."""
        answer: Any = MockResponse(_Message(headers))
        self.extract_cookies(answer, _request_for(url))

    def header(self, url: str) -> str | None:
        """The cookies to send to ``url``."""
        request = _request_for(url)
        self.add_cookie_header(request)
        found: str | None = request.get_new_headers().get("Cookie")
        return found


class _Request:
    """As much of a request as cookies need."""

    def __init__(self, url: str) -> None:
        self.url, self.headers = url, {"Host": urlsplit(url).netloc}


class _Message:
    """Header fields as the cookie jar asks for them."""

    def __init__(self, headers: HTTPHeaderDict) -> None:
        self._headers = headers

    def get_all(self, name: str, default: list[str] | None = None) -> list[str] | None:
        """All values of a field."""
        return self._headers.getlist(name) or default


def _request_for(url: str) -> Any:  # noqa: ANN401 - it poses as a request of urllib
    request: Any = _Request(url)
    return MockRequest(request)
