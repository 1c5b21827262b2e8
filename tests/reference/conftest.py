from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reference_app import services
from tests.reference import running
from tests.reference.alike import Alike, side_by_side
from tests.reference.running import SCALE, Client, Postgres, RedisServer

Template = Callable[[str, str], str]
"""The name of a database of a service at a revision, with generated data, to create others from."""


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
def template(postgres: Postgres) -> Template:
    made: dict[tuple[str, str], str] = {}

    def find(service: str, revision: str) -> str:
        if (service, revision) not in made:
            database = f"{service}_{revision}"
            if revision == "0001":
                url = postgres.create(database)
                commands = [("migrate", service, revision), ("seed", service, "--scale", str(SCALE))]
            else:
                url = postgres.create(database, find(service, "0001"))
                commands = [("migrate", service, revision)]
            for command in commands:
                running.here(*command, DATABASE_URL=url)
            made[service, revision] = database
        return made[service, revision]

    return find


@pytest.fixture(scope="module")
def service_name(request: pytest.FixtureRequest) -> str:
    """The service that the folder of a test module is named after; recommendation for what all have in common."""
    folder: str = request.path.parent.name
    return folder if folder in services.NAMES else "recommendation"


@pytest.fixture(scope="module")
def seeded(template: Template, service_name: str) -> str:
    return template(service_name, "0001")


@pytest.fixture(scope="module")
def indexed(template: Template, service_name: str) -> str:
    return template(service_name, "head")


@pytest.fixture(scope="module")
def baseline(
    postgres: Postgres, redis_server: RedisServer, service_name: str, seeded: str, request: pytest.FixtureRequest
) -> Iterator[Client]:
    """The release before the migration, over data of its own for each test module."""
    url = postgres.create(f"baseline_{request.module.__name__}", seeded)
    redis_server.client(1).flushdb()
    with running.service(service_name, "baseline", url, redis_server.url(1)) as client:
        yield client


@pytest.fixture(scope="module")
def optimized(
    postgres: Postgres, redis_server: RedisServer, service_name: str, indexed: str, request: pytest.FixtureRequest
) -> Iterator[Client]:
    """The release after the migration, over data of its own for each test module."""
    url = postgres.create(f"optimized_{request.module.__name__}", indexed)
    redis_server.client(2).flushdb()
    with running.service(service_name, "optimized", url, redis_server.url(2)) as client:
        yield client


@pytest.fixture(scope="module", params=["baseline", "optimized"])
def either(request: pytest.FixtureRequest) -> Client:
    """Each release in turn."""
    client: Client = request.getfixturevalue(request.param)
    return client


@pytest.fixture(scope="module")
def alike(
    postgres: Postgres, redis_server: RedisServer, baseline: Client, optimized: Client, request: pytest.FixtureRequest
) -> Iterator[Alike]:
    """Both releases side by side; the module says which TABLES there are, what is WATCHED, and OWN_FIELDS of a side."""
    module = request.module
    about = (module.__name__, module.TABLES, module.WATCHED, module.OWN_FIELDS)
    with side_by_side(postgres, redis_server, (baseline, optimized), *about) as checked:
        yield checked
