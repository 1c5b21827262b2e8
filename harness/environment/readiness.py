"""Readiness of services: three successful checks in a row."""

import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from harness.errors import NotReadyError

READY_IN_A_ROW = 3
POLL_SECONDS = 0.1
ANSWER_SECONDS = 5.0


def why_not_ok(url: str) -> str:
    """Why a GET of ``url`` does not answer 200, else ``""``; user and password are sent, and never returned."""
    try:
        with build_opener(ProxyHandler({})).open(_request(url), timeout=ANSWER_SECONDS) as response:
            status = response.status
    except HTTPError as error:
        status = error.code
    except URLError as error:
        return str(error.reason)
    except (HTTPException, OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return "" if status == 200 else f"it answers {status}"  # noqa: PLR2004 - HTTP's own number


def await_ready(
    checks: Mapping[str, Callable[[], str]],
    seconds: float,
    *,
    since: float | None = None,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Wait until every check returned ``""`` three times in a row; else it returns why something is not ready.

    The limit counts from ``since`` on the monotonic clock (default: now). ``check`` is called after every round, and
    raises if waiting is pointless. Raises ``NotReadyError``, naming the first check that is late.
    """
    begun = time.monotonic() if since is None else since
    good, why = dict.fromkeys(checks, 0), dict.fromkeys(checks, "")
    while min(good.values()) < READY_IN_A_ROW:
        for name, why_not_ready in checks.items():
            answer = why_not_ready()
            good[name], why[name] = (0, answer) if answer else (good[name] + 1, why[name])
        check()
        if time.monotonic() - begun > seconds and min(good.values()) < READY_IN_A_ROW:
            late = next(name for name, count in good.items() if count < READY_IN_A_ROW)
            reason = why[late] or f"not {READY_IN_A_ROW} times in a row"
            raise NotReadyError(f"{late} was not ready within {seconds:g} s ({reason})")
        time.sleep(POLL_SECONDS)


def _request(url: str) -> Request:
    parts = urlsplit(url)
    if parts.username is None:
        return Request(url)  # noqa: S310 - the plan's own address
    request = Request(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())  # noqa: S310
    who = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    request.add_unredirected_header("Authorization", f"Basic {b64encode(who.encode()).decode()}")
    return request
