"""Addresses of database and cache, and the release to run, from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit

from reference_app.breaker import BreakerSettings
from reference_app.errors import SetupError


class Step(StrEnum):
    """One optimization of the code. The indexes are the first step; they are a database revision."""

    QUERIES = "queries"
    CACHE = "cache"
    POOL = "pool"
    BREAKER = "breaker"


_LARGEST = 86_400
BASELINE, OPTIMIZED = "baseline", "optimized"
RELEASES: dict[str, frozenset[Step]] = {BASELINE: frozenset(), OPTIMIZED: frozenset(Step)}
"""Named releases; any other is a list of steps, as in ``queries,cache``."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a serving process."""

    database_url: str
    redis_url: str
    steps: frozenset[Step]
    breaker_settings: BreakerSettings = field(default_factory=BreakerSettings)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read DATABASE_URL, REDIS_URL, REFERENCE_RELEASE and the REFERENCE_BREAKER_ settings.

        DATABASE_PASSWORD_FILE and REDIS_PASSWORD_FILE name files with passwords that the addresses omit.
        """
        usual = BreakerSettings()
        return cls(
            database_url=database_url(environment),
            redis_url=_url(environment, "REDIS_URL", {"redis", "rediss", "unix"}, "redis://127.0.0.1:6379/0"),
            steps=_steps(environment.get("REFERENCE_RELEASE", OPTIMIZED)),
            breaker_settings=BreakerSettings(
                failures=int(_number(environment, "REFERENCE_BREAKER_FAILURES", usual.failures)),
                seconds=_number(environment, "REFERENCE_BREAKER_SECONDS", usual.seconds),
                successes=int(_number(environment, "REFERENCE_BREAKER_SUCCESSES", usual.successes)),
            ),
        )


def database_url(environment: Mapping[str, str] = os.environ) -> str:
    """The PostgreSQL address, ``postgresql://user@host:port/name``."""
    example = "postgresql://postgres@127.0.0.1:5432/postgres"
    return _url(environment, "DATABASE_URL", {"postgresql", "postgres"}, example)


def _url(environment: Mapping[str, str], name: str, schemes: set[str], example: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SetupError(f"{name} is not set; for example: export {name}={example}")
    if urlsplit(value).scheme not in schemes:
        known = " or ".join(sorted(f"{scheme}://" for scheme in schemes))
        raise SetupError(f"{name} must start with {known}, for example {example}")
    password = secret(environment, f"{name.removesuffix('_URL')}_PASSWORD")
    return _with_password(value, password) if password else value


def secret(environment: Mapping[str, str], name: str, usual: str = "") -> str:
    """The value of NAME, or the content of the file NAME_FILE, as container secrets are passed."""
    path = environment.get(f"{name}_FILE")
    if not path:
        return environment.get(name, usual)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{name}_FILE: {path} cannot be read ({error})") from error


def _with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:{quote(password, safe='')}@{host}").geturl()


def _steps(release: str) -> frozenset[Step]:
    if release in RELEASES:
        return RELEASES[release]
    try:
        return frozenset(Step(name.strip()) for name in release.split(","))
    except ValueError:
        known = f"{', '.join(RELEASES)}, or some of {', '.join(Step)} with commas between them"
        raise SetupError(f"REFERENCE_RELEASE is {release!r}; it must be {known}") from None


def _number(environment: Mapping[str, str], name: str, usual: float) -> float:
    text = environment.get(name, str(usual))
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= _LARGEST or (isinstance(usual, int) and value != int(value)):
        kind = "a whole number from 1" if isinstance(usual, int) else "a number above 0"
        raise SetupError(f"{name} is {text!r}; it must be {kind} to {_LARGEST}")
    return value
