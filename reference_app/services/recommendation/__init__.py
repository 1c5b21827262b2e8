"""The recommendation service: personalised lists, contents with tags, interactions, engagement scores."""

from reference_app.service import Service
from reference_app.services.recommendation.baseline import BaselineQueries
from reference_app.services.recommendation.caching import SPACE, CachedRecommendations
from reference_app.services.recommendation.optimized import OptimizedQueries
from reference_app.services.recommendation.routes import routes

SERVICE = Service(SPACE, BaselineQueries, OptimizedQueries, CachedRecommendations, routes)
