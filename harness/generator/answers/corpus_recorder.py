"""Corpus recorder: one row per request event of a corpus, up to the number of the plan."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from gevent import GreenletExit

from harness.plan.answers import Corpus
from harness.record.answers import Answer, CanonicalForm, digest, kept_text

_BOUNDARY = re.compile(rb"--[^\r\n]+(?=\r\n)")
UNREAD = "its body could not be read again"


class CorpusRecorder:
    """Records the responses to a corpus; ``own`` are the base URLs of the arm's services and their placeholders.

    ``key`` is the key of the digests of request bodies; ``after`` is called with each row and its response.
    """

    def __init__(
        self, corpus: Corpus, own: Mapping[str, str], key: str, after: Callable[[Answer, Any], None] | None = None
    ) -> None:
        self.answers: list[Answer] = []
        self.user_errors = 0
        self.wanted = corpus.requests
        self.broken: Exception | None = None
        self._corpus, self._own, self._key, self._after = corpus, own, key, after

    @property
    def full(self) -> bool:
        """Whether all responses are recorded, or one could not be."""
        return len(self.answers) >= self.wanted or self.broken is not None

    def on_request(
        self,
        request_type: str,
        name: str,
        response: Any = None,  # noqa: ANN401 - whatever a client calls its response
        exception: BaseException | None = None,
        url: str | None = None,
        **_: object,
    ) -> None:
        """Record one request event of Locust; when all are recorded, ``GreenletExit`` ends the user."""
        if not self.full:
            try:
                self.answers.append(self._answer(f"{request_type} {name}".strip(), response, exception, url or name))
                if self._after:
                    self._after(self.answers[-1], response)
            except Exception as error:  # noqa: BLE001 - Locust would only log it
                self.broken = error
        if self.full:
            raise GreenletExit

    def on_user_error(self, **_: object) -> None:
        self.user_errors += 1

    def _answer(self, endpoint: str, response: Any, exception: BaseException | None, url: str) -> Answer:  # noqa: ANN401
        form = CanonicalForm(self._corpus.ignored(endpoint), self._corpus.in_any_order(endpoint), self._own)
        status = getattr(response, "status_code", 0) or 0
        body = body_of(response) if status else None
        kind = _kind(response) if status else ""
        content = None if body is None else form.of(body, kind)
        text, whole = ("", True) if content is None else kept_text(content)
        error = "" if content is not None else UNREAD if status else type(exception).__name__ if exception else "none"
        asked = _request_body(response)
        return Answer(
            n=len(self.answers) + 1,
            endpoint=endpoint,
            path=path_of(url, form.ignored),
            asked=digest(form.of(asked, ""), self._key) if asked else "",
            status=status,
            kind=kind,
            digest="" if content is None else digest(content),
            text=text,
            whole=whole,
            error=error,
        )


def path_of(url: str, ignored: Collection[str] = ()) -> str:
    """Path and query of a URL, without the ignored keys of the query."""
    address = urlsplit(url)
    kept = [part for part in address.query.split("&") if unquote_plus(part.partition("=")[0]) not in ignored]
    return (address.path or "/") + ("?" + "&".join(kept) if address.query else "")


def body_of(response: Any) -> bytes | None:  # noqa: ANN401
    """The body of a response, decompressed; ``None``: it cannot be read, or not a second time."""
    try:
        content = response.content
    except Exception:  # noqa: BLE001 - each client has errors of its own
        return None
    return content if isinstance(content, bytes) else None


def _kind(response: Any) -> str:  # noqa: ANN401
    headers = getattr(response, "headers", None) or {}
    return str(headers.get("Content-Type") or "").partition(";")[0].strip().lower()


def _request_body(response: Any) -> bytes:  # noqa: ANN401
    """The request body before any redirect, without the boundary of a form, which clients choose at random."""
    body = getattr(response, "asked", None)
    if body is None:
        first = (getattr(response, "history", None) or [response])[0]
        body = getattr(getattr(first, "request", None), "body", None)
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes):
        return b"" if body is None else b"not kept by the client"
    boundary = _BOUNDARY.match(body)
    return body.replace(boundary[0], b"--") if boundary else body
