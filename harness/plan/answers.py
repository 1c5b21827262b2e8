"""Corpus: what both arms are asked once, before the load, and in what their answers may differ; ``[answers]``."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, field_validator

from harness.plan.stages import PlanTable

EVERYWHERE = "*"
Key = Annotated[str, Field(min_length=1, max_length=200)]
_ENDPOINT = re.compile(r"[A-Z]+ \S")


class Corpus(PlanTable):
    """The first ``requests`` that one user of each class makes, and in what the answers to them may differ.

    ``users`` are user files of its own, default: those of the load. ``unordered`` are endpoints whose lists come in
    any order, ``varying`` those whose path, query or body may differ, since it holds what the service gave out by
    chance. ``ignore`` has the JSON keys that are left out, by endpoint; ``*`` stands for all endpoints.
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
        """Every endpoint that is named, with its key path."""
        for key, endpoints in (("unordered", self.unordered), ("varying", self.varying), ("ignore", self.ignore)):
            for index, endpoint in enumerate(endpoints):
                if endpoint != EVERYWHERE:
                    yield f"answers.{key}" + ("" if key == "ignore" else f"[{index}]"), endpoint

    def ignored(self, endpoint: str) -> frozenset[str]:
        """The JSON keys that answers of an endpoint are compared without."""
        return frozenset(self.ignore.get(EVERYWHERE, ()) + self.ignore.get(endpoint, ()))

    def in_any_order(self, endpoint: str) -> bool:
        """Whether lists in answers of an endpoint are compared as bags."""
        return not {endpoint, EVERYWHERE}.isdisjoint(self.unordered)

    def may_vary(self, endpoint: str) -> bool:
        """Whether what an endpoint is asked may differ between the arms."""
        return not {endpoint, EVERYWHERE}.isdisjoint(self.varying)
