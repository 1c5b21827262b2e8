"""URLs of requests: redirects, and passwords in base URLs."""

from typing import Any
from urllib.parse import unquote, urlencode, urljoin, urlsplit

from harness.generator.http.failures import MalformedResponseError
from harness.generator.http.payload import basic_auth

PORTS = {"http": 80, "https": 443}


def with_path(url: str) -> str:
    """``http://host?query`` as ``http://host/?query``."""
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
