"""The feed filter service: keywords, configurations, events of posts, classifications of posts."""

from reference_app.service import Service
from reference_app.services.feed_filter.baseline import BaselineQueries
from reference_app.services.feed_filter.caching import SPACE, CachedFeedFilter
from reference_app.services.feed_filter.optimized import OptimizedQueries
from reference_app.services.feed_filter.routes import routes

SERVICE = Service(SPACE, BaselineQueries, OptimizedQueries, CachedFeedFilter, routes)
