"""N+1 from response headers, without statement counts of a database."""

import pytest

from harness.evidence.n_plus_one import repeated_statements
from harness.record.request_work import CorpusRequest, RequestWork


def told(*pairs: tuple[int | None, int | None]) -> RequestWork:
    requests = tuple(
        CorpusRequest(n, "GET /", items=items, queries=queries) for n, (items, queries) in enumerate(pairs)
    )
    return RequestWork("before", (), requests, missing="no database is known")


@pytest.mark.parametrize(
    ("pairs", "slope"),
    [
        ([(3, 4), (10, 11), (7, 8)], 1.0),
        ([(3, 8), (10, 22), (7, 16)], 2.0),
        ([(3, 2), (10, 2), (7, 2)], None),  # two statements, however many items
        ([(5, 6), (5, 6)], None),  # a line needs two points
        ([(3, 4), (10, 2), (7, 9), (2, 9)], None),  # no line at all
        ([(None, 4), (3, None)], None),
        ([], None),
    ],
)
def test_n_plus_one_from_response_headers(pairs: list[tuple[int | None, int | None]], slope: float | None) -> None:
    found = repeated_statements(told(*pairs)).get("GET /")
    assert (found and round(found.slope, 6)) == slope
