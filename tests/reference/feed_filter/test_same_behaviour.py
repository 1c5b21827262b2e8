"""Baseline and optimized answer alike: any sequence of requests, reads and writes, good and bad."""

import hashlib

from hypothesis import example, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.reference.alike import Alike, Request, bad_ids, bad_limits, junk, limits, text

TABLES = ("users", "keywords", "filter_configurations", "analytics_events", "classifications")
OWN_FIELDS = {"created_at", "updated_at", "classified_at"}

# Few ids, so that requests meet. There are 50 users, of whom 7 has no configuration, 261 keywords and 5000 events. The
# keywords up to 10 are those of user 1.
NEXT_KEYWORD, UNCONFIGURED = 262, 7
KNOWN = hashlib.sha256(b"post 1").hexdigest()[:32]
users = st.sampled_from([1, 3, UNCONFIGURED, 1, 3, 51, 2**63 - 1])
keys = st.sampled_from([KNOWN, "new-post", "another"])
events = st.sampled_from([4000, 5000, 5001, 5002, 1, 2**63 - 1])
keyword_ids = st.one_of(st.integers(1, 12), st.integers(NEXT_KEYWORD, NEXT_KEYWORD + 3))
keyword = st.fixed_dictionaries({"keyword": st.sampled_from(["crypto deals", "diet tips", "new"]) | text})
configuration = st.fixed_dictionaries(
    {
        "strictness": st.sampled_from(["relaxed", "balanced", "strict"]),
        "least_confidence": st.integers(0, 100),
        "hides_promotions": st.booleans(),
    }
)
event = st.fixed_dictionaries(
    {"user_id": users, "kind": st.sampled_from(["post_shown", "post_filtered", "post_reported"]), "post": keys}
)
classification = st.fixed_dictionaries(
    {"label": st.sampled_from(["bait", "wanted"]), "confidence": st.integers(0, 100), "model": st.just("small-3")}
)
reads = st.one_of(
    st.builds(lambda limit: Request("GET", f"/users{limit or '?limit=2'}&after=1"), limits),
    st.builds(lambda user: Request("GET", f"/users/{user}/filter"), users),
    st.builds(lambda user: Request("GET", f"/users/by-email/user{user}@example.com/filter"), users),
    st.builds(
        lambda user, what: Request("GET", f"/users/{user}/{what}"),
        users,
        st.sampled_from(["keywords", "configuration"]),
    ),
    st.builds(
        lambda user, what, limit: Request("GET", f"/users/{user}/{what}{limit}"),
        users,
        st.sampled_from(["events", "statistics"]),
        limits,
    ),
    st.builds(lambda user, before: Request("GET", f"/users/{user}/events?before={before}"), users, events),
    st.builds(lambda limit: Request("GET", f"/statistics{limit}"), limits),
    st.builds(lambda key: Request("GET", f"/classifications/{key}"), keys),
)
writes = st.one_of(
    st.builds(lambda user, body: Request("POST", f"/users/{user}/keywords", body), users, keyword),
    st.builds(lambda user, known: Request("DELETE", f"/users/{user}/keywords/{known}"), users, keyword_ids),
    st.builds(lambda user, body: Request("PUT", f"/users/{user}/configuration", body), users, configuration),
    st.builds(lambda body: Request("POST", "/events", body), event),
    st.builds(lambda key, body: Request("PUT", f"/classifications/{key}", body), keys, classification),
)
mistakes = st.one_of(
    st.builds(
        lambda user, what: Request("GET", f"/users/{user}/{what}"),
        bad_ids,
        st.sampled_from(["filter", "keywords", "configuration", "events", "statistics"]),
    ),
    st.builds(
        lambda path, limit: Request("GET", f"{path}{limit}"), st.sampled_from(["/users", "/statistics"]), bad_limits
    ),
    st.builds(lambda cursor: Request("GET", f"/users?after={cursor}"), bad_ids),
    st.builds(lambda cursor: Request("GET", f"/users/1/events?before={cursor}"), bad_ids),
    st.builds(lambda key: Request("GET", f"/classifications/{key}"), st.sampled_from(["A", "%00", "a_b", "é"])),
    st.builds(
        lambda path, body: Request("PUT", path, body),
        st.sampled_from(["/users/1/configuration", "/users/0/configuration", f"/classifications/{KNOWN}"]),
        junk,
    ),
    st.builds(lambda path, body: Request("POST", path, body), st.sampled_from(["/users/1/keywords", "/events"]), junk),
    st.builds(Request, st.sampled_from(["DELETE", "PATCH"]), st.sampled_from(["/users/1/filter", "/events", "/no"])),
)
# Drawn in two steps, since one_of makes one flat choice of all that it is given: few would be writes.
kinds = {"read": reads, "write": writes, "mistake": mistakes}
step = st.sampled_from(["read", "write", "write", "write", "mistake"]).flatmap(kinds.__getitem__)
steps = st.lists(step, min_size=1, max_size=6)
# Changes each topic of the cache in something that is watched, whatever else is generated.
CONFIGURATION = {"strictness": "strict", "least_confidence": 1, "hides_promotions": False}
EACH_WRITE = [
    Request("POST", "/users/1/keywords", {"keyword": "new"}),
    Request("POST", "/users/1/keywords", {"keyword": "new"}),
    Request("POST", "/users/2/keywords", {"keyword": "new"}),
    Request("DELETE", f"/users/1/keywords/{NEXT_KEYWORD}"),
    Request("PUT", "/users/1/configuration", CONFIGURATION),
    Request("PUT", f"/users/{UNCONFIGURED}/configuration", CONFIGURATION),
    Request("PUT", f"/classifications/{KNOWN}", {"label": "bait", "confidence": 1, "model": "m"}),
    Request("PUT", "/classifications/new-post", {"label": "bait", "confidence": 1, "model": "m"}),
    Request("POST", "/events", {"user_id": 1, "kind": "post_filtered", "post": "new-post"}),
]
WATCHED = [
    Request("GET", path)
    for path in (
        "/users?limit=3",
        "/users?limit=2&after=1",
        "/users/1/filter",
        f"/users/{UNCONFIGURED}/filter",
        "/users/by-email/user1@example.com/filter",
        "/users/1/keywords",
        "/users/1/configuration",
        f"/users/{UNCONFIGURED}/configuration",
        "/users/1/events?limit=3",
        "/users/1/statistics?limit=3",
        "/statistics?limit=3",
        f"/classifications/{KNOWN}",
        "/classifications/new-post",
    )
]


@given(steps=steps)
@example(steps=EACH_WRITE)
@examples(3)
def test_any_sequence_of_requests_is_answered_alike(alike: Alike, steps: list[Request]) -> None:
    alike.check(steps)
