"""Pacing of a corpus: after each request the generator waits until the harness has read the servers' counters."""

import json
import os
import sys
from typing import Any, TextIO

from harness.generator.answers.corpus_recorder import body_of
from harness.generator.http.response_headers import CACHES, reported_headers
from harness.record.answers import Answer, longest_list


class CorpusPacing:
    """Reports each request on ``channel`` and waits for a byte on standard input."""

    def __init__(self, channel: TextIO, wanted: int) -> None:
        self._channel, self._wanted = channel, wanted

    def begin(self) -> None:
        self._report(0, None)

    def __call__(self, answer: Answer, response: Any) -> None:  # noqa: ANN401 - whatever a client calls its response
        headers = getattr(response, "headers", None) or {}
        cache, queries, db_ms = reported_headers(headers.get("X-Cache"), headers.get("Server-Timing"))
        request = {
            "n": answer.n,
            "endpoint": answer.endpoint,
            "status": answer.status,
            "cache": CACHES[cache] if cache >= 0 else None,
            "items": longest_list((body_of(response) or b"").decode(errors="replace")),
            "queries": queries if queries >= 0 else None,
            "db_ms": db_ms if db_ms >= 0 else None,
        }
        self._report(answer.n, request)

    def _report(self, requests: int, request: dict[str, Any] | None) -> None:
        print(json.dumps({"asked": requests, "wanted": self._wanted, "request": request}), file=self._channel)
        if not os.read(sys.stdin.fileno(), 1):
            os._exit(1)  # the parent is gone
