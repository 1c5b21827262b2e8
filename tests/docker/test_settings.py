"""Settings of servers in containers are recorded under the same names as those of local servers."""

from pathlib import Path

import docker

from harness.environment.compose.environment import ComposeEnvironment
from harness.environment.settings import POSTGRES, REDIS
from harness.plan.file import parse_plan

PLAN = """
schema = 1
name = "settings"
[environment]
kind = "compose"
file = "compose.yml"
services = ["api"]
port = 8000
database = "db"
cache = "cache"
[arms.before]
[arms.after]
env = { COST = "1.1" }
[load]
users = ["users.py"]
blocks = 1
[[stages]]
kind = "sustain"
seconds = 4
users = 5
"""
COMPOSE = """
services:
  api:
    image: python:3.11-slim-bookworm
  cache:
    image: redis:7-bookworm
    command: [redis-server, --maxmemory, 64mb, --maxmemory-policy, allkeys-lfu]
  db:
    image: postgres:18-bookworm
    command: [postgres, -c, "random_page_cost=${COST:-4}"]
    environment: { POSTGRES_PASSWORD: secret }
    healthcheck: { test: [CMD, pg_isready, -h, 127.0.0.1, -U, postgres], interval: 1s, retries: 60 }
"""


def test_settings_of_database_and_cache_are_recorded_for_each_arm(client: docker.DockerClient, tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(COMPOSE)
    with ComposeEnvironment(parse_plan(PLAN), tmp_path, tmp_path / "logs", lambda _: None) as environment:
        environment.prepare()
        found = environment.settings()
        running = client.containers.list(filters={"label": f"harness.owner={environment.label}"})
        assert len(running) == 2  # the databases of the two projects: the caches were started for a moment
    assert found["random_page_cost, before"] == "4"
    assert found["random_page_cost, after"] == "1.1"
    assert found["maxmemory"] == str(64 * 2**20)
    assert found["maxmemory-policy"] == "allkeys-lfu"
    assert {*POSTGRES, *REDIS} <= {name.partition(",")[0] for name in found}
