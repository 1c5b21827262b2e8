"""What is refused, how, and with which words: the same for both releases."""

from tests.reference.refusals import refusal_test

PAYMENT = {"user_id": 226, "plan_id": 2, "idempotency_key": "k"}
ONE_OF = "status: must be one of pending, settled, failed, refunded"


test_is_refused_with_a_clear_message = refusal_test(
    ("GET", "/payments/user/x", None, 422, "user_id: must be a whole number from 1 to"),
    ("GET", "/payments/user/1?limit=101", None, 422, "limit: must be a whole number from 1 to 100"),
    ("GET", "/payments/user/1?status=lost", None, 422, ONE_OF),
    ("GET", "/payments?status=", None, 422, ONE_OF),
    ("GET", "/invoices/x", None, 422, "invoice_id: must be"),
    ("GET", "/invoices/99999", None, 404, "invoice 99999 does not exist"),
    ("GET", "/invoices/user/99999/latest", None, 404, "invoice of user 99999 does not exist"),
    ("GET", "/subscriptions/user/51/active", None, 404, "active subscription of user 51 does not exist"),
    ("DELETE", "/subscriptions/user/51/active", None, 404, "active subscription of user 51 does not exist"),
    ("POST", "/subscriptions", {"user_id": 51, "plan_id": 99}, 404, "plan 99 does not exist"),
    ("POST", "/subscriptions", {"user_id": 51, "plan_id": 12}, 409, "plan 12 is not offered any more"),
    ("POST", "/subscriptions", {"user_id": 0, "plan_id": 1}, 422, "user_id: Input should be greater than"),
    ("POST", "/payments", PAYMENT | {"plan_id": 99}, 404, "plan 99 does not exist"),
    ("POST", "/payments", PAYMENT | {"plan_id": 1}, 409, "user 226 has no active subscription to plan 1"),
    ("POST", "/payments", PAYMENT | {"user_id": 99999}, 409, "user 99999 has no active subscription to plan 2"),
    ("POST", "/payments", PAYMENT | {"amount_cents": 1}, 422, "amount_cents: Extra inputs are not permitted"),
    ("POST", "/payments", PAYMENT | {"idempotency_key": ""}, 422, "idempotency_key: String should match"),
    ("POST", "/payments", PAYMENT | {"idempotency_key": "k" * 65}, 422, "idempotency_key: String should match"),
    ("POST", "/payments", PAYMENT | {"idempotency_key": "a\n"}, 422, "idempotency_key: String should match"),
    ("POST", "/payments", {"user_id": 1, "plan_id": 1}, 422, "idempotency_key: Field required"),
    ("POST", "/payments", PAYMENT | {"idempotency_key": "eb297e47-2967", "plan_id": 1}, 409, "for another payment"),
    ("POST", "/payments", {"user_id": 152, "plan_id": 2, "idempotency_key": "d8c7811b-2992"}, 409, "is failed"),
    ("POST", "/payments/99999/refund", None, 404, "payment 99999 does not exist"),
    ("POST", "/payments/2999/refund", None, 409, "payment 2999 is refunded; only a settled one is refunded"),
    ("POST", "/payments/2992/refund", None, 409, "payment 2992 is failed"),
    ("POST", "/payments/19/refund", None, 409, "payment 19 is pending"),
    ("DELETE", "/payments/1", None, 404, "Not Found"),
    ("PUT", "/plans", None, 405, "Method Not Allowed"),
)
