"""The HTTP interface of the recommendation service, the same for both releases."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reference_app.answers import JSON, path_id, query_number, read_body
from reference_app.services.recommendation.contract import Recommendations
from reference_app.services.recommendation.entities import (
    LIMIT_DEFAULT,
    LIMIT_LARGEST,
    ContentChange,
    NewContent,
    NewInteraction,
    ScoreUpdate,
)


def routes(service: Recommendations) -> list[Route]:
    """The routes, answered by ``service``."""

    async def recommendations(request: Request) -> Response:
        user_id = path_id(request, "user_id")
        limit = query_number(request, "limit", default=LIMIT_DEFAULT, largest=LIMIT_LARGEST)
        return JSON(await service.recommendations(user_id, limit))

    async def content(request: Request) -> Response:
        return JSON(await service.content(path_id(request, "content_id")))

    async def create_content(request: Request) -> Response:
        return JSON(await service.create_content(await read_body(request, NewContent)), 201)

    async def update_content(request: Request) -> Response:
        content_id = path_id(request, "content_id")
        return JSON(await service.update_content(content_id, await read_body(request, ContentChange)))

    async def record_interaction(request: Request) -> Response:
        return JSON(await service.record_interaction(await read_body(request, NewInteraction)), 201)

    async def update_scores(request: Request) -> Response:
        return JSON(await service.update_scores(await read_body(request, ScoreUpdate)))

    return [
        Route("/recommendations/{user_id}", recommendations),
        Route("/content/{content_id}", content, methods=["GET"]),
        Route("/content/{content_id}", update_content, methods=["PUT"]),
        Route("/content", create_content, methods=["POST"]),
        Route("/interactions", record_interaction, methods=["POST"]),
        Route("/engagement-scores", update_scores, methods=["POST"]),
    ]
