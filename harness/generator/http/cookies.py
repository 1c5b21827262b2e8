"""Cookies of a user, by the rules of the standard library's cookie jar."""

from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

from requests.cookies import MockRequest, MockResponse, RequestsCookieJar
from urllib3 import HTTPHeaderDict


class CookieStore(RequestsCookieJar):
    """Cookies; ``used`` is False until the first one, which spares searching."""

    used = False

    def __init__(self) -> None:
        super().__init__(DefaultCookiePolicy(secure_protocols=("http", "https")))  # as FastHttpUser does

    def set_cookie(self, cookie: Cookie, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the library's
        self.used = True
        super().set_cookie(cookie, *args, **kwargs)

    def keep_from(self, url: str, headers: HTTPHeaderDict) -> None:
        answer: Any = MockResponse(_Message(headers))
        self.extract_cookies(answer, _request_for(url))

    def header(self, url: str) -> str | None:
        """The Cookie field of a request for ``url``; ``None`` without cookies."""
        request = _request_for(url)
        self.add_cookie_header(request)
        found: str | None = request.get_new_headers().get("Cookie")
        return found


class _Request:
    def __init__(self, url: str) -> None:
        self.url, self.headers = url, {"Host": urlsplit(url).netloc}


class _Message:
    """Header fields with the interface that the cookie jar reads."""

    def __init__(self, headers: HTTPHeaderDict) -> None:
        self._headers = headers

    def get_all(self, name: str, default: list[str] | None = None) -> list[str] | None:
        return self._headers.getlist(name) or default


def _request_for(url: str) -> Any:  # noqa: ANN401 - stands for a urllib request
    request: Any = _Request(url)
    return MockRequest(request)
