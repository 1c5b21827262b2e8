"""Which posts of a feed to show to whom: keywords, configurations, events of posts, what classifiers said of them."""

from reference_app.service import Service
from reference_app.services.feed_filter.baseline import BaselineQueries
from reference_app.services.feed_filter.caching import SPACE, CachedFeedFilter
from reference_app.services.feed_filter.optimized import OptimizedQueries
from reference_app.services.feed_filter.routes import routes

SERVICE = Service(SPACE, BaselineQueries, OptimizedQueries, CachedFeedFilter, routes)
