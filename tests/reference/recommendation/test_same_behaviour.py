"""Baseline and optimized answer alike: any sequence of requests, reads and writes, good and bad."""

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.reference.alike import Alike, Request, bad_ids, bad_limits, junk, limits, text

TABLES = ("users", "contents", "content_tags", "user_interests", "user_interactions")
SHELVES = ("interests", "history", "contents")
HOT_CONTENTS = [3, 36, 88, 50]
OWN_FIELDS = {"created_at", "updated_at"}  # set by the server's clock, which differs between two servers

# Few ids, so that requests meet. In the data user 1 has a short list, 8 no interests, 9 an empty list; contents
# 3, 36 and 88 are shown to one of them, 50 to none yet; those from 101 on exist only once they are created.
users = st.one_of(st.sampled_from([1, 4, 8, 9]), st.sampled_from([1, 4, 8, 9, 150, 201, 2**63 - 1]))
contents = st.one_of(st.sampled_from(HOT_CONTENTS), st.sampled_from([*HOT_CONTENTS, 50, 101, 102, 2**63 - 1]))
tag = st.sampled_from(["cars-local", "nature-beginners", "fitness-ideas", "travel-local", "wine-events", "brand-new"])
tags = st.lists(tag, max_size=4)
# Before any clock's now, so that contents created meanwhile have the age 0 on both servers.
moments = st.datetimes(datetime(2025, 11, 1), datetime(2026, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds it
change = st.fixed_dictionaries({"title": text, "body": text, "tags": tags})
new_content = st.builds(lambda made, creator: made | {"creator_id": creator}, change, users)
interaction = st.fixed_dictionaries(
    {"user_id": users, "content_id": contents, "kind": st.sampled_from(["view", "like", "share"])}
)
reads = st.one_of(
    st.builds(lambda user, limit: Request("GET", f"/recommendations/{user}{limit}"), users, limits),
    st.builds(lambda content: Request("GET", f"/content/{content}"), contents),
    st.builds(lambda user, what: Request("GET", f"/users/{user}/{what}"), users, st.sampled_from(SHELVES)),
    st.builds(lambda tag, limit: Request("GET", f"/tags/{tag}/contents{limit}"), tag, limits),
    st.builds(lambda limit: Request("GET", f"/contents{limit}"), limits),
)
writes = st.one_of(
    st.builds(lambda body: Request("POST", "/interactions", body), interaction),
    st.builds(lambda content, body: Request("PUT", f"/content/{content}", body), contents, change),
    st.builds(lambda body: Request("POST", "/content", body), new_content),
    st.builds(lambda moment: Request("POST", "/engagement-scores", {"as_of": moment.isoformat()}), moments),
)
mistakes = st.one_of(
    st.builds(lambda user, limit: Request("GET", f"/recommendations/{user}{limit}"), bad_ids, limits),
    st.builds(lambda user, limit: Request("GET", f"/recommendations/{user}{limit}"), users, bad_limits),
    st.builds(lambda content: Request("GET", f"/content/{content}"), bad_ids),
    st.builds(lambda tag: Request("GET", f"/tags/{tag}/contents"), st.sampled_from(["A", "%00", "a_b", "é"])),
    st.builds(lambda content, body: Request("PUT", f"/content/{content}", body), contents | bad_ids, junk),
    st.builds(
        lambda path, body: Request("POST", path, body),
        st.sampled_from(["/content", "/interactions", "/engagement-scores"]),
        junk.filter(lambda body: body not in (None, {})),
    ),
    st.builds(Request, st.sampled_from(["DELETE", "PATCH"]), st.sampled_from(["/content/1", "/interactions", "/no"])),
)
# Drawn in two steps, since one_of makes one flat choice of all that it is given: few would be writes.
kinds = {"read": reads, "write": writes, "mistake": mistakes}
step = st.sampled_from(["read", "write", "write", "write", "mistake"]).flatmap(kinds.__getitem__)
steps = st.lists(step, min_size=1, max_size=8)
# Changes each topic of the cache in something that is watched, whatever else is generated.
EACH_WRITE = [
    Request("POST", "/interactions", {"user_id": 1, "content_id": 3, "kind": "like"}),
    Request("PUT", "/content/36", {"title": "renamed", "body": "b", "tags": ["cars-local", "wine-events"]}),
    Request("POST", "/content", {"creator_id": 4, "title": "new", "body": "b", "tags": ["cars-local"]}),
    Request("POST", "/engagement-scores", {"as_of": "2026-01-01T00:00:00Z"}),
]
WATCHED = [
    Request("GET", path)
    for path in (
        "/recommendations/1",
        "/recommendations/4?limit=3",
        "/recommendations/8?limit=1",
        "/recommendations/8?limit=100",
        "/recommendations/9",
        "/content/3",
        "/content/36",
        "/contents?limit=3",
        "/tags/cars-local/contents",
        "/users/1/history?limit=5",
        "/users/4/contents",
        "/users/1/interests",
    )
]


@given(steps=steps)
@example(steps=EACH_WRITE)
@examples(3)
def test_any_sequence_of_requests_is_answered_alike(alike: Alike, steps: list[Request]) -> None:
    alike.check(steps)
