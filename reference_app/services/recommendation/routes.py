"""The HTTP routes, the same for every release."""

from starlette.routing import Route

from reference_app.endpoint import body, endpoint, fixed, limit, path_id, path_name
from reference_app.services.recommendation.caching import CachedRecommendations
from reference_app.services.recommendation.entities import ContentChange, NewContent, NewInteraction, ScoreUpdate, Shelf


def routes(service: CachedRecommendations) -> list[Route]:
    """The routes of ``service``."""
    user, content, tag, nothing = path_id("user_id"), path_id("content_id"), path_name("tag"), fixed(None)
    return [
        Route("/recommendations/{user_id}", endpoint(service.recommendations, user, limit)),
        Route("/users/{user_id}/interests", endpoint(service.interests, user)),
        Route("/users/{user_id}/history", endpoint(service.shelf, fixed(Shelf.HISTORY), user, limit)),
        Route("/users/{user_id}/contents", endpoint(service.shelf, fixed(Shelf.CREATOR), user, limit)),
        Route("/tags/{tag}/contents", endpoint(service.shelf, fixed(Shelf.TAG), tag, limit)),
        Route("/contents", endpoint(service.shelf, fixed(Shelf.NEWEST), nothing, limit)),
        Route("/content/{content_id}", endpoint(service.content, content), methods=["GET"]),
        Route("/content/{content_id}", endpoint(service.update_content, content, body(ContentChange)), methods=["PUT"]),
        Route("/content", endpoint(service.create_content, body(NewContent), status=201), methods=["POST"]),
        Route(
            "/interactions", endpoint(service.record_interaction, body(NewInteraction), status=201), methods=["POST"]
        ),
        Route("/engagement-scores", endpoint(service.update_scores, body(ScoreUpdate)), methods=["POST"]),
    ]
