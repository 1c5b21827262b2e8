"""Pace: after each request of a corpus the generator waits until the harness has looked at the servers."""

import json
import os
import sys
from typing import Any, TextIO

from harness.generator.http.response_headers import CACHES, NOT_REPORTED, reported_headers
from harness.record.answers import Answer, longest_list


class CorpusPacing:
    """Tells the harness of a request, on a ``channel``, and goes on when it is sent a byte."""

    def __init__(self, channel: TextIO, wanted: int) -> None:
        self._channel, self._wanted = channel, wanted

    def begin(self) -> None:
        """Wait for the first look, before anything is asked."""
        self._tell(0, None)

    def __call__(self, answer: Answer, response: Any) -> None:  # noqa: ANN401 - whatever a client calls its response
        """Wait for the look after one request."""
        headers = getattr(response, "headers", None) or {}
        cache, queries, db_ms = (
            reported_headers(headers.get("X-Cache"), headers.get("Server-Timing")) if headers else NOT_REPORTED
        )
        what = {
            "n": answer.n,
            "endpoint": answer.endpoint,
            "status": answer.status,
            "cache": CACHES[cache] if cache >= 0 else None,
            "items": longest_list(_text(response)),
            "queries": queries if queries >= 0 else None,
            "db_ms": db_ms if db_ms >= 0 else None,
        }
        self._tell(answer.n, what)

    def _tell(self, asked: int, what: dict[str, Any] | None) -> None:
        print(json.dumps({"asked": asked, "wanted": self._wanted, "request": what}), file=self._channel)
        if not os.read(sys.stdin.fileno(), 1):
            os._exit(1)  # whoever looks has gone


def _text(response: Any) -> str:  # noqa: ANN401
    """The body of an answer as a text; empty where it is none, or was not kept."""
    try:
        return bytes(response.content).decode()
    except Exception:  # noqa: BLE001 - each client has errors of its own
        return ""
