"""The auth service: users, log-ins, tokens, roles with their permissions."""

from reference_app.service import Service
from reference_app.services.auth.baseline import BaselineQueries
from reference_app.services.auth.caching import SPACE, CachedAuth
from reference_app.services.auth.optimized import OptimizedQueries
from reference_app.services.auth.routes import routes

SERVICE = Service(SPACE, BaselineQueries, OptimizedQueries, CachedAuth, routes)
