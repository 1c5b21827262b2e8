"""The HTTP routes, the same for every release. A payment repeated with its key gets 201 again."""

from starlette.routing import Route

from reference_app.endpoint import body, choice, endpoint, fixed, limit, path_id
from reference_app.services.payment.caching import CachedPayments
from reference_app.services.payment.entities import NewPayment, NewSubscription, Status


def routes(service: CachedPayments) -> list[Route]:
    """The routes of ``service``."""
    user, payment, invoice = path_id("user_id"), path_id("payment_id"), path_id("invoice_id")
    everybody, status, active = fixed(None), choice("status", Status), "/subscriptions/user/{user_id}/active"
    return [
        Route("/payments/user/{user_id}", endpoint(service.payments, user, status, limit)),
        Route("/payments", endpoint(service.payments, everybody, status, limit), methods=["GET"]),
        Route("/payments", endpoint(service.pay, body(NewPayment), status=201), methods=["POST"]),
        Route("/payments/{payment_id}/refund", endpoint(service.refund, payment), methods=["POST"]),
        Route("/invoices/user/{user_id}/latest", endpoint(service.latest_invoice, user)),
        Route("/invoices/overdue", endpoint(service.overdue, limit)),
        Route("/invoices/{invoice_id}", endpoint(service.invoice, invoice)),
        Route("/subscriptions/due", endpoint(service.due, limit)),
        Route("/subscriptions", endpoint(service.subscribe, body(NewSubscription), status=201), methods=["POST"]),
        Route(active, endpoint(service.active_subscription, user), methods=["GET"]),
        Route(active, endpoint(service.cancel, user), methods=["DELETE"]),
        Route("/plans", endpoint(service.plans)),
    ]
