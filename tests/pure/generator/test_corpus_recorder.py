"""What is recorded of a response, for every client."""

from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from harness.generator.answers.corpus_recorder import UNREAD, CorpusRecorder, path_of
from harness.plan.answers import Corpus
from harness.record.answers import Answer


class Streamed:
    """A response whose body was read already."""

    status_code = 200
    headers = None

    @property
    def content(self) -> bytes:
        raise RuntimeError("consumed")


def taken(response: Any, url: str = "http://127.0.0.1:8080/items/1", **corpus: Any) -> Answer:  # noqa: ANN401
    recorder = CorpusRecorder(Corpus(**corpus), {"http://127.0.0.1:8080": "{service}"}, "key")
    recorder.on_request("GET", "/items/{id}", response, None, url)
    assert recorder.broken is None
    return recorder.answers[0]


def response(content: bytes = b"{}", kind: str | None = "application/json", **more: Any) -> Any:  # noqa: ANN401
    headers = {"Content-Type": kind} if kind else {}
    return SimpleNamespace(status_code=200, content=content, headers=headers, **more)


def test_a_response_is_recorded_in_canonical_form() -> None:
    found = taken(response(b'{"b":1.0, "a":"http://127.0.0.1:8080/x"}', "Application/JSON; charset=utf-8"))
    assert (found.n, found.endpoint, found.path, found.status) == (1, "GET /items/{id}", "/items/1", 200)
    assert (found.kind, found.text) == ("application/json", '{"a":"{service}/x","b":1}')
    assert not found.failed


@pytest.mark.parametrize("body", [b'{"to": 1, "token": "x"}', '{"token": "y", "to": 1}'])
def test_request_bodies_are_recorded_as_digests_for_every_client(body: bytes | str) -> None:
    own = taken(response(asked=body), ignore={"*": ("token",)})
    request = SimpleNamespace(body=body)
    requests = taken(response(history=[SimpleNamespace(request=request)], request=None), ignore={"*": ("token",)})
    fast = taken(response(request=request), ignore={"*": ("token",)})
    expected = taken(response(asked=b'{"to":1}')).asked
    assert {own.asked, requests.asked, fast.asked} == {expected}
    assert expected not in {"", taken(response(asked=b'{"to":2}')).asked}


def test_the_boundary_of_a_form_is_ignored() -> None:
    forms = [f"--{mark}\r\nname\r\n\r\nx\r\n--{mark}--\r\n".encode() for mark in ("abc", "defg")]
    assert len({taken(response(asked=form)).asked for form in forms}) == 1


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (None, 0, "none"),
        (SimpleNamespace(status_code=0, content=None, headers=None), 0, "none"),
        (Streamed(), 200, UNREAD),
        (response(None), 200, UNREAD),  # type: ignore[arg-type]
        ("a text of a client of another protocol", 0, "none"),
    ],
)
def test_an_unreadable_body_is_an_error(answer: Any, status: int, error: str) -> None:  # noqa: ANN401
    found = taken(answer)
    assert (found.status, found.error, found.failed) == (status, error, True)


def test_only_ignored_values_are_removed_from_the_query() -> None:
    assert path_of("http://h/a?limit=1&api+key=secret&b=", {"api key"}) == "/a?limit=1&b="
    assert path_of("http://h/a?limit=1") == "/a?limit=1"
    assert path_of("http://h") == "/"


def test_the_user_of_the_last_request_ends() -> None:
    recorder = CorpusRecorder(Corpus(requests=1), {}, "key")
    for _ in range(3):
        with pytest.raises(gevent.GreenletExit):
            recorder.on_request("GET", "/", response(), None, "http://h/")
    assert len(recorder.answers) == 1
