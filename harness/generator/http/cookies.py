"""Cookies of a user, by the rules of the standard library's cookie jar."""

from http.cookiejar import Cookie, DefaultCookiePolicy
from types import SimpleNamespace
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
