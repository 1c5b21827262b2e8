"""Baseline and optimized answer alike: any sequence of requests, reads and writes, good and bad."""

from hypothesis import example, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.reference.alike import Alike, Request, bad_ids, bad_limits, junk, limits

TABLES = ("plans", "subscriptions", "payments", "invoices")
# Set by the server's clock, which differs between two servers; order, sums and numbers show what these would.
OWN_FIELDS = {"created_at", "settled_at", "started_at", "renews_at", "due_at", "paid_at"}
FAILED_KEY, SETTLED_KEY = "d8c7811b-2992", "eb297e47-2967"

# Few ids, so that requests meet. In the data user 226 has paid plan 2 often, 323 also in vain, 26 is the first to renew
# plan 6 and very late, 152 was refunded last, 232 has a plan that is not offered any more and 51 none; the payments
# 2992 failed, 2999 was refunded and 19 is pending; from 3001 on they exist only once they are made.
SUBSCRIBED = [(226, 2), (323, 1), (26, 6), (152, 2), (232, 12)]
users = st.sampled_from([226, 226, 26, 26, 323, 152, 51, 2**63 - 1])
plans = st.sampled_from([1, 2, 2, 3, 6, 12, 13])
payments = st.sampled_from([2967, 2967, 2946, 2946, 2946, 138, 3001, 3001, 2992, 19, 2999, 2**63 - 1])
keys = st.sampled_from(["a", "b", "c", "D_-4", SETTLED_KEY, FAILED_KEY])
statuses = st.sampled_from(["settled", "refunded", "failed", "pending"])
in_status = st.one_of(st.just("?"), st.builds("?status={}&".format, statuses))
reads = st.one_of(
    st.builds(
        lambda user, status, limit: Request("GET", f"/payments/user/{user}{status}{limit[1:]}"),
        users,
        in_status,
        limits,
    ),
    st.builds(lambda status, limit: Request("GET", f"/payments{status}{limit[1:]}"), in_status, limits),
    st.builds(lambda user: Request("GET", f"/invoices/user/{user}/latest"), users),
    st.builds(
        lambda invoice: Request("GET", f"/invoices/{invoice}"), st.sampled_from([1, 2782, 2814, 2815, 2**63 - 1])
    ),
    st.builds(lambda user: Request("GET", f"/subscriptions/user/{user}/active"), users),
    st.builds(
        lambda what, limit: Request("GET", f"/{what}{limit}"),
        st.sampled_from(["invoices/overdue", "subscriptions/due"]),
        limits,
    ),
)
payment = st.builds(
    lambda pair, key: {"user_id": pair[0], "plan_id": pair[1], "idempotency_key": key},
    st.one_of(st.sampled_from(SUBSCRIBED), st.tuples(users, plans)),
    keys,
)
subscription = st.fixed_dictionaries({"user_id": users, "plan_id": plans})
pay = payment.map(lambda body: Request("POST", "/payments", body))
refund = st.builds(lambda payment: Request("POST", f"/payments/{payment}/refund"), payments)
subscribe = subscription.map(lambda body: Request("POST", "/subscriptions", body))
cancel = st.builds(lambda user: Request("DELETE", f"/subscriptions/user/{user}/active"), users)
mistakes = st.one_of(
    st.builds(lambda user, limit: Request("GET", f"/payments/user/{user}{limit}"), bad_ids, limits),
    st.builds(lambda limit: Request("GET", f"/payments{limit}"), bad_limits),
    st.builds(
        lambda status: Request("GET", f"/payments?status={status}"), st.sampled_from(["", "SETTLED", "lost", "%00"])
    ),
    st.builds(lambda invoice: Request("GET", f"/invoices/{invoice}"), bad_ids),
    st.builds(lambda payment: Request("POST", f"/payments/{payment}/refund"), bad_ids),
    st.builds(lambda key: Request("POST", "/payments", {"user_id": 226, "plan_id": 2, "idempotency_key": key}), junk),
    st.builds(lambda path, body: Request("POST", path, body), st.sampled_from(["/payments", "/subscriptions"]), junk),
    st.builds(Request, st.sampled_from(["DELETE", "PATCH"]), st.sampled_from(["/payments", "/plans", "/no"])),
)
# By number, since one_of would weigh each of the many kinds of reads and mistakes like each of the few of writes.
WEIGHED = [*[pay] * 4, *[refund] * 3, *[subscribe] * 2, *[cancel] * 2, *[reads] * 2, mistakes]
steps = st.lists(st.sampled_from(WEIGHED).flatmap(lambda kind: kind), min_size=2, max_size=5)
WATCHED = [
    Request("GET", path)
    for path in (
        "/payments/user/226?limit=5",
        "/payments/user/323?status=settled&limit=4",
        "/payments/user/152?status=refunded",
        "/payments?limit=3",
        "/payments?status=settled&limit=2",
        "/payments?status=refunded&limit=2",
        "/payments?status=refunded&limit=100",
        "/invoices/user/323/latest",
        "/invoices/2763",
        "/invoices/overdue?limit=100",
        "/subscriptions/user/26/active",
        "/subscriptions/due?limit=2",
        "/plans",
    )
]


def paid(user: int, plan: int, key: str) -> Request:
    return Request("POST", "/payments", {"user_id": user, "plan_id": plan, "idempotency_key": key})


# Every topic of the cache, whatever is drawn beside it.
STORY = [
    paid(226, 2, "a"),
    Request("POST", "/payments/3001/refund"),
    paid(26, 6, "b"),
    Request("POST", "/payments/2946/refund"),
    Request("POST", "/subscriptions", {"user_id": 26, "plan_id": 3}),
    Request("DELETE", "/subscriptions/user/26/active"),
    paid(226, 2, "a"),
]


@given(steps=steps)
@example(steps=STORY)
@examples(3)
def test_any_sequence_of_requests_is_answered_alike(alike: Alike, steps: list[Request]) -> None:
    alike.check(steps)
