"""Response comparison: the table ``[answers]``, with the corpus of requests and the allowed differences."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, field_validator

from harness.plan.stages import PlanTable

EVERYWHERE = "*"
Key = Annotated[str, Field(min_length=1, max_length=200)]
_ENDPOINT = re.compile(r"[A-Z]+ \S")


class Corpus(PlanTable):
    """The first ``requests`` of one user of each class, and the allowed differences of their responses.

    ``users`` are own user files, default: those of the load. ``unordered`` are endpoints with lists in any order,
    ``varying`` those whose path, query or body may differ, because the service generates a part of it. ``ignore`` has
    the JSON keys to leave out, by endpoint; ``*`` means all endpoints.
    """

    requests: int = Field(default=300, ge=1, le=20_000)
    users: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    varying: tuple[str, ...] = ()
    ignore: dict[str, tuple[Key, ...]] = Field(default={})

    @field_validator("ignore", mode="before")
    @classmethod
    def _for_all(cls, value: Any) -> Any:  # noqa: ANN401 - as it stands in the file
        table = {EVERYWHERE: value} if isinstance(value, (list, tuple)) else value
        if not isinstance(table, dict):
            what = 'is a list of keys, as in ["token"], or a table of such lists by endpoint'
            raise ValueError(what)  # noqa: TRY004 - what pydantic turns into a problem of the key
        return {place: tuple(keys) if isinstance(keys, list) else keys for place, keys in table.items()}

    @field_validator("unordered", "varying", "ignore")
    @classmethod
    def _endpoints(cls, value: Any) -> Any:  # noqa: ANN401 - a tuple or a dictionary of endpoints
        for endpoint in value:
            if endpoint != EVERYWHERE and not _ENDPOINT.match(endpoint):
                raise ValueError(f'"{endpoint}" is no endpoint; write it as reports do, "GET /items/{{id}}", or "*"')
        return value

    @property
    def endpoints(self) -> Iterator[tuple[str, str]]:
        """Every named endpoint, with its key path."""
        for key, endpoints in (("unordered", self.unordered), ("varying", self.varying), ("ignore", self.ignore)):
            for index, endpoint in enumerate(endpoints):
                if endpoint != EVERYWHERE:
                    yield f"answers.{key}" + ("" if key == "ignore" else f"[{index}]"), endpoint

    def ignored(self, endpoint: str) -> frozenset[str]:
        """The JSON keys left out for an endpoint."""
        return frozenset(self.ignore.get(EVERYWHERE, ()) + self.ignore.get(endpoint, ()))

    def in_any_order(self, endpoint: str) -> bool:
        """Whether lists in responses of an endpoint are compared as multisets."""
        return not {endpoint, EVERYWHERE}.isdisjoint(self.unordered)

    def may_vary(self, endpoint: str) -> bool:
        """Whether the request to an endpoint may differ between the arms."""
        return not {endpoint, EVERYWHERE}.isdisjoint(self.varying)
