"""The payment service: plans, subscriptions, payments and invoices."""

from reference_app.service import Service
from reference_app.services.payment.baseline import BaselineQueries
from reference_app.services.payment.caching import SPACE, CachedPayments
from reference_app.services.payment.optimized import OptimizedQueries
from reference_app.services.payment.routes import routes

SERVICE = Service(SPACE, BaselineQueries, OptimizedQueries, CachedPayments, routes)
