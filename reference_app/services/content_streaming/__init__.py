"""The content streaming service: creators, videos, transcoding jobs for workers, views, lists of videos."""

from reference_app.service import Service
from reference_app.services.content_streaming.baseline import BaselineQueries
from reference_app.services.content_streaming.caching import SPACE, CachedStreaming
from reference_app.services.content_streaming.optimized import OptimizedQueries
from reference_app.services.content_streaming.routes import routes

SERVICE = Service(SPACE, BaselineQueries, OptimizedQueries, CachedStreaming, routes)
