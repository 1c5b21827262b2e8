from collections.abc import Iterator
from pathlib import Path

import pytest

from reference_app.settings import Release
from tests.reference import running
from tests.reference.running import SCALE, Client, Postgres, RedisServer


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def postgres(folder: Path) -> Iterator[Postgres]:
    with running.postgres(folder) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(folder: Path) -> Iterator[RedisServer]:
    with running.redis_server(folder) as server:
        yield server


@pytest.fixture(scope="session")
def seeded(postgres: Postgres) -> str:
    """The name of a database at 0001 with generated data, to use as a template."""
    url = postgres.create("seeded")
    for command in (("migrate", "recommendation", "0001"), ("seed", "recommendation", "--scale", str(SCALE))):
        done = running.run(*command, DATABASE_URL=url)
        assert done.returncode == 0, done.stderr
    return "seeded"


@pytest.fixture(scope="session")
def indexed(postgres: Postgres, seeded: str) -> str:
    """The name of the same database at head."""
    url = postgres.create("indexed", seeded)
    done = running.run("migrate", "recommendation", "head", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return "indexed"


@pytest.fixture(scope="module")
def baseline(
    postgres: Postgres, redis_server: RedisServer, seeded: str, request: pytest.FixtureRequest
) -> Iterator[Client]:
    """The release before the migration, over data of its own for each test module."""
    url = postgres.create(f"baseline_{request.module.__name__}", seeded)
    redis_server.client(1).flushdb()
    with running.service(Release.BASELINE, url, redis_server.url(1)) as client:
        yield client


@pytest.fixture(scope="module")
def optimized(
    postgres: Postgres, redis_server: RedisServer, indexed: str, request: pytest.FixtureRequest
) -> Iterator[Client]:
    """The release after the migration, over data of its own for each test module."""
    url = postgres.create(f"optimized_{request.module.__name__}", indexed)
    redis_server.client(2).flushdb()
    with running.service(Release.OPTIMIZED, url, redis_server.url(2)) as client:
        yield client


@pytest.fixture(scope="module", params=Release)
def either(request: pytest.FixtureRequest) -> Client:
    """Each release in turn."""
    client: Client = request.getfixturevalue(request.param)
    return client
