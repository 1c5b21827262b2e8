"""The HTTP routes, the same for every release."""

from starlette.routing import Route

from reference_app.cursor import before
from reference_app.endpoint import body, endpoint, fixed, limit, path_day, path_id
from reference_app.services.activity import entities
from reference_app.services.activity.caching import CachedActivities


def routes(service: CachedActivities) -> list[Route]:
    """The routes of ``service``."""
    user, team, activity = (path_id(f"{kind}_id") for kind in ("user", "team", "activity"))
    change = endpoint(service.change, activity, body(entities.ActivityChange))
    return [
        Route("/dashboards/{user_id}", endpoint(service.dashboard, user)),
        Route("/teams/{team_id}/progress", endpoint(service.progress, team)),
        Route("/teams/{team_id}/leaderboards/{day}", endpoint(service.leaderboard, team, path_day("day"), limit)),
        Route("/leaderboards/{day}", endpoint(service.leaderboard, fixed(None), path_day("day"), limit)),
        Route("/activities/user/{user_id}", endpoint(service.history, user, before, limit)),
        Route("/activities", endpoint(service.record, body(entities.NewActivity), status=201), methods=["POST"]),
        Route("/activities/bulk", endpoint(service.upload, body(entities.Upload), status=201), methods=["POST"]),
        Route("/activities/{activity_id}", change, methods=["PATCH"]),
        Route("/activities/{activity_id}", endpoint(service.remove, activity), methods=["DELETE"]),
    ]
