"""Where the database and the cache are, and which release to run: all from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit

from reference_app.errors import SetupError


class Release(StrEnum):
    """Which of a service's two implementations answers."""

    BASELINE = "baseline"
    OPTIMIZED = "optimized"


def database_url(environment: Mapping[str, str] = os.environ) -> str:
    """The PostgreSQL address, ``postgresql://user@host:port/name``."""
    return _url(
        environment, "DATABASE_URL", {"postgresql", "postgres"}, "postgresql://postgres@127.0.0.1:5432/postgres"
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """What a serving process needs to know."""

    database_url: str
    redis_url: str
    release: Release

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read DATABASE_URL, REDIS_URL and REFERENCE_RELEASE."""
        return cls(
            database_url=database_url(environment),
            redis_url=_url(environment, "REDIS_URL", {"redis", "rediss", "unix"}, "redis://127.0.0.1:6379/0"),
            release=_release(environment),
        )


def _url(environment: Mapping[str, str], name: str, schemes: set[str], example: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SetupError(f"{name} is not set; for example: export {name}={example}")
    if urlsplit(value).scheme not in schemes:
        raise SetupError(
            f"{name} must start with {' or '.join(sorted(f'{s}://' for s in schemes))}, for example {example}"
        )
    return value


def _release(environment: Mapping[str, str]) -> Release:
    value = environment.get("REFERENCE_RELEASE", Release.OPTIMIZED)
    try:
        return Release(value)
    except ValueError:
        known = " or ".join(Release)
        raise SetupError(f"REFERENCE_RELEASE is {value!r}; it must be {known}") from None
