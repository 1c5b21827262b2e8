"""Baseline and optimized answer alike: any sequence of requests, reads and writes, good and bad."""

from itertools import chain

from hypothesis import example, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.reference.alike import Alike, Request, bad_ids, bad_limits, junk, limits, text
from tests.reference.auth.tokens import token

TABLES = ("users", "roles", "role_permissions", "user_roles", "token_blacklist")
OWN_FIELDS = {"created_at", "expires_at", "token"}  # by the server's clock and its random numbers
HOT_USERS, NEW_USERS = [2, 4, 35], ["ada", "grace"]

# Few of each, so that requests meet. In the data user 2 has four roles, 4 two, video-reader and audit-reader among
# them, and 35 none; 67 is not active; those from 501 on exist only once they are created.
user_ids = st.sampled_from([*HOT_USERS, *HOT_USERS, 501, 2**63 - 1])
roles = st.sampled_from(["video-reader", "audit-reader", "video-author", "team-manager"])
permissions = st.sampled_from(["content-read", "team-approve", "audit-list", "brand-new"])
names = st.sampled_from(["user2", "user4", "user67", *NEW_USERS])
tokens = st.builds(token, st.sampled_from(HOT_USERS), st.sampled_from(["first", "second"]))
new_user = st.fixed_dictionaries(
    {
        "username": names,
        "email": names.map("{}@example.com".format),
        "password": st.sampled_from(["password-2", "password-4", "pässword"]),
    }
)
credentials = st.fixed_dictionaries(
    {"username": names, "password": st.sampled_from(["password-2", "password-3", "password-4", "pässword", "x"])}
)
reads = st.one_of(
    st.builds(lambda user: Request("GET", f"/auth/user/{user}/permissions"), user_ids),
    st.builds(lambda user, limit: Request("GET", f"/auth/user/{user}/logouts{limit}"), user_ids, limits),
    st.builds(lambda limit: Request("GET", f"/auth/users{limit}"), limits),
    st.builds(lambda name: Request("GET", f"/auth/users/by-name/{name}"), names),
    st.builds(lambda name: Request("GET", f"/auth/users/by-email/{name}@example.com"), names),
    st.builds(lambda role, limit: Request("GET", f"/auth/role/{role}/users{limit}"), roles | names, limits),
    st.builds(lambda permission: Request("GET", f"/auth/permission/{permission}/roles"), permissions),
    st.builds(lambda given: Request("GET", "/auth/token", token=given), tokens),
)
writes = st.one_of(
    st.builds(lambda given: Request("POST", "/auth/logout", token=given), tokens),
    st.builds(lambda body: Request("POST", "/auth/login", body), credentials),
    st.builds(lambda body: Request("POST", "/auth/users", body), new_user),
    st.builds(
        lambda user, wanted: Request("PUT", f"/auth/user/{user}/roles", {"roles": wanted}),
        user_ids,
        st.lists(roles, max_size=4),
    ),
    st.builds(
        lambda role, wanted: Request("PUT", f"/auth/role/{role}/permissions", {"permissions": wanted}),
        st.sampled_from(["video-reader", "video-author"]),
        st.lists(permissions, max_size=4),
    ),
)
bad_tokens = st.one_of(
    text.filter(lambda given: given.isascii() and given.isprintable() and given.strip() == given != ""),
    st.builds(lambda given, end: given + end, tokens, st.sampled_from(["=", "==", ".", "A"])),
    st.builds(token, st.sampled_from(["x", "", "0", 2**63, 2]), st.just("bad"), seconds=st.sampled_from([-5, 1e12])),
)
mistakes = st.one_of(
    st.builds(
        lambda user, what: Request("GET", f"/auth/user/{user}/{what}"),
        bad_ids,
        st.sampled_from(["permissions", "logouts"]),
    ),
    st.builds(lambda limit: Request("GET", f"/auth/users{limit}"), bad_limits),
    st.builds(lambda name: Request("GET", f"/auth/users/by-name/{name}"), st.sampled_from(["A", "%00", "a_b", "é"])),
    st.builds(lambda email: Request("GET", f"/auth/users/by-email/{email}"), st.sampled_from(["a", "A@b.c", "%00@b"])),
    st.builds(
        lambda path, given: Request(path[0], path[1], token=given),
        st.sampled_from([("GET", "/auth/token"), ("POST", "/auth/logout")]),
        bad_tokens | st.none(),
    ),
    st.builds(
        lambda path, body: Request(path[0], path[1], body),
        st.sampled_from(
            [
                ("POST", "/auth/login"),
                ("POST", "/auth/users"),
                ("PUT", "/auth/user/2/roles"),
                ("PUT", "/auth/role/audit-reader/permissions"),
            ]
        ),
        junk,
    ),
    st.builds(lambda role: Request("PUT", f"/auth/role/{role}/permissions", {"permissions": []}), names),
    st.builds(lambda role: Request("PUT", "/auth/user/2/roles", {"roles": ["video-author", role, "z"]}), names),
    st.builds(Request, st.sampled_from(["DELETE", "PATCH"]), st.sampled_from(["/auth/users", "/auth/token", "/no"])),
)
# Half of the steps are writes: after each one, what is watched is read anyway.
steps = st.lists(st.tuples(writes, reads | mistakes), min_size=1, max_size=3).map(lambda pairs: [*chain(*pairs)])
WATCHED = [
    *(Request("GET", f"/auth/user/{user}/permissions") for user in (2, 4)),
    *(Request("GET", "/auth/token", token=token(user, "first")) for user in (2, 4)),
    Request("GET", "/auth/user/2/logouts?limit=3"),
    Request("GET", "/auth/users?limit=3"),
    Request("GET", "/auth/users/by-name/user2"),
    Request("GET", "/auth/users/by-email/ada@example.com"),
    Request("GET", "/auth/role/video-reader/users?limit=3"),
    Request("GET", "/auth/role/video-author/users?limit=100"),
    Request("GET", "/auth/permission/content-read/roles"),
    Request("GET", "/auth/permission/brand-new/roles"),
]
# Changes each topic of the cache at least once in something that is watched, whatever else is generated.
EACH_WRITE = [
    Request("POST", "/auth/logout", token=token(2, "first")),
    Request("PUT", "/auth/user/2/roles", {"roles": ["video-author"]}),
    Request("PUT", "/auth/user/2/roles", {"roles": ["video-author", "video-reader"]}),
    Request("PUT", "/auth/role/video-reader/permissions", {"permissions": ["brand-new"]}),
    Request("POST", "/auth/users", {"username": "ada", "email": "ada@example.com", "password": "pässword"}),
    Request("POST", "/auth/login", {"username": "ada", "password": "pässword"}),
]


@given(steps=steps)
@example(steps=EACH_WRITE)
@examples(3)
def test_any_sequence_of_requests_is_answered_alike(alike: Alike, steps: list[Request]) -> None:
    alike.check(steps)
