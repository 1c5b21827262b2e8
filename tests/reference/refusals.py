"""Invalid requests and their error responses, the same in both releases."""

from collections.abc import Callable

import pytest

from tests.reference.running import Client

Row = tuple[str, str, object, int, str]
"""Method, path and body of a request; status and a part of the message of its answer."""


def refusal_test(*rows: Row) -> Callable[..., None]:
    """A test that each of these requests is refused; it takes the ``either`` fixture of the module that names it."""

    @pytest.mark.parametrize(("method", "path", "body", "status", "message"), rows)
    def test(either: Client, method: str, path: str, body: object, status: int, message: str) -> None:
        answer = either.send(method, path, body)
        code, text = answer.refusal
        assert answer.status == status
        assert message in text
        assert (code == "conflict") == (status == 409)

    return test
