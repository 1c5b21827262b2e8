"""The HTTP routes, the same for every release."""

from starlette.routing import Route

from reference_app.endpoint import body, cursor, endpoint, fixed, limit, path_email, path_id, path_name
from reference_app.services.feed_filter.caching import CachedFeedFilter
from reference_app.services.feed_filter.entities import Classification, Configuration, NewEvent, NewKeyword


def routes(service: CachedFeedFilter) -> list[Route]:
    """The routes of ``service``."""
    user, keyword, key = path_id("user_id"), path_id("keyword_id"), path_name("key")
    keywords, configuration = "/users/{user_id}/keywords", "/users/{user_id}/configuration"
    classification = "/classifications/{key}"
    add_keyword = endpoint(service.add_keyword, user, body(NewKeyword), status=201)
    return [
        Route("/users", endpoint(service.users, limit, cursor("after"))),
        Route("/users/{user_id}/filter", endpoint(service.settings, fixed("id"), user)),
        Route("/users/by-email/{email}/filter", endpoint(service.settings, fixed("email"), path_email("email"))),
        Route(keywords, endpoint(service.keywords, user), methods=["GET"]),
        Route(keywords, add_keyword, methods=["POST"]),
        Route(f"{keywords}/{{keyword_id}}", endpoint(service.remove_keyword, user, keyword), methods=["DELETE"]),
        Route(configuration, endpoint(service.configuration, user), methods=["GET"]),
        Route(configuration, endpoint(service.configure, user, body(Configuration)), methods=["PUT"]),
        Route("/users/{user_id}/events", endpoint(service.events, user, limit, cursor("before"))),
        Route("/events", endpoint(service.record, body(NewEvent), status=201), methods=["POST"]),
        Route("/users/{user_id}/statistics", endpoint(service.statistics, user, limit)),
        Route("/statistics", endpoint(service.statistics, fixed(None), limit)),
        Route(classification, endpoint(service.classification, key), methods=["GET"]),
        Route(classification, endpoint(service.classify, key, body(Classification)), methods=["PUT"]),
    ]
