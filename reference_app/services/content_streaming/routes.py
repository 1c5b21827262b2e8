"""The HTTP routes, the same for every release."""

from starlette.routing import Route

from reference_app.endpoint import body, endpoint, fixed, limit, path_id, path_name
from reference_app.services.content_streaming import entities
from reference_app.services.content_streaming.caching import CachedStreaming
from reference_app.services.content_streaming.entities import Shelf


def routes(service: CachedStreaming) -> list[Route]:
    """The routes of ``service``."""
    video, creator, user, job = (path_id(f"{kind}_id") for kind in ("video", "creator", "user", "job"))
    create = endpoint(service.create_video, body(entities.NewVideo), status=201)
    update = endpoint(service.update_video, video, body(entities.VideoChange))
    enqueue = endpoint(service.enqueue, video, body(entities.NewJob), status=201)
    view = endpoint(service.record_view, video, body(entities.NewView), status=201)
    finish = endpoint(service.finish, job, body(entities.Outcome))
    return [
        Route("/videos", endpoint(service.shelf, fixed(Shelf.NEWEST), limit), methods=["GET"]),
        Route("/videos/popular", endpoint(service.shelf, fixed(Shelf.POPULAR), limit)),
        Route("/videos/trending", endpoint(service.shelf, fixed(Shelf.TRENDING), limit)),
        Route("/videos/{video_id}", endpoint(service.video, video), methods=["GET"]),
        Route("/videos/{video_id}/views", endpoint(service.views, fixed("video_id"), video, limit), methods=["GET"]),
        Route("/creators/by-handle/{handle}", endpoint(service.creator, fixed("handle"), path_name("handle"), limit)),
        Route("/creators/{creator_id}", endpoint(service.creator, fixed("id"), creator, limit)),
        Route("/users/{user_id}/views", endpoint(service.views, fixed("user_id"), user, limit)),
        Route("/videos", create, methods=["POST"]),
        Route("/videos/{video_id}", update, methods=["PUT"]),
        Route("/videos/{video_id}/publish", endpoint(service.publish, video), methods=["POST"]),
        Route("/videos/{video_id}/views", view, methods=["POST"]),
        Route("/videos/{video_id}/jobs", enqueue, methods=["POST"]),
        Route("/jobs/claim", endpoint(service.claim, body(entities.Claim)), methods=["POST"]),
        Route("/jobs/{job_id}/finish", finish, methods=["POST"]),
    ]
