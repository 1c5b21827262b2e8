"""The activity service: activities, dashboards, team progress and weekly leaderboards."""

from reference_app.service import Service
from reference_app.services.activity.baseline import BaselineQueries
from reference_app.services.activity.caching import SPACE, CachedActivities
from reference_app.services.activity.optimized import OptimizedQueries
from reference_app.services.activity.routes import routes

SERVICE = Service(SPACE, BaselineQueries, OptimizedQueries, CachedActivities, routes)
