"""Fifty at once: every interaction is counted, the last edit is whole, and nobody meets a deadlock."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.reference.running import Answer, Client

WRITERS = 50
CONTENT, OTHER = 7, 8


def counters(client: Client, content: int) -> dict[str, int]:
    body = client.get(f"/content/{content}").body
    assert isinstance(body, dict)
    return {kind: body[f"{kind}_count"] for kind in ("view", "like", "share")}


def test_no_interaction_is_lost_and_no_edit_half_done(either: Client) -> None:
    before = counters(either, CONTENT)

    def write(number: int) -> Answer:
        kind = ("view", "like", "share")[number % 3]
        match number % 5:
            case 0:
                change = {"title": f"edit {number}", "body": f"edit {number}", "tags": [f"edit-{number}", "edited"]}
                return either.insist("PUT", f"/content/{CONTENT}", change)
            case 1:
                new = {"creator_id": 1 + number, "title": f"new {number}", "body": "", "tags": ["edited"]}
                return either.insist("POST", "/content", new)
            case _:
                seen = {"user_id": 1 + number % 7, "content_id": CONTENT if number % 2 else OTHER, "kind": kind}
                return either.insist("POST", "/interactions", seen)

    with ThreadPoolExecutor(WRITERS) as crowd:
        answers = list(crowd.map(write, range(3 * WRITERS)))
    assert Counter(answer.status for answer in answers) == {200: 30, 201: 120}
    counted = Counter(
        ("view", "like", "share")[number % 3] for number in range(3 * WRITERS) if number % 5 > 1 and number % 2
    )
    assert counters(either, CONTENT) == {kind: before[kind] + counted[kind] for kind in before}
    content = either.get(f"/content/{CONTENT}").body
    assert isinstance(content, dict)
    assert content["title"] == content["body"]
    assert content["tags"] == [content["title"].replace(" ", "-"), "edited"]


def test_scores_are_recomputed_while_others_write(either: Client) -> None:
    def write(number: int) -> Answer:
        if number % 10 == 0:
            return either.insist("POST", "/engagement-scores", {"as_of": "2026-01-01T00:00:00Z"})
        seen = {"user_id": 1 + number, "content_id": 1 + number % 9, "kind": "view"}
        return either.insist("POST", "/interactions", seen)

    with ThreadPoolExecutor(WRITERS) as crowd:
        answers = list(crowd.map(write, range(2 * WRITERS)))
    assert {answer.status for answer in answers} == {200, 201}
