"""What a plan may say of containers and of systems that run already."""

import pytest

from harness.errors import PlanError
from harness.plan.environment import Compose, External
from harness.plan.file import parse_plan

REST = """
[load]
users = ["users.py"]
[[stages]]
kind = "sustain"
seconds = 10
users = 5
"""
COMPOSE = (
    """schema = 1
name = "containers"
[environment]
kind = "compose"
file = "compose.yml"
services = ["api"]
database = "db"
migrate = "alembic upgrade {revision}"
[arms.before]
revision = "1"
profiles = ["old"]
[arms.after]
revision = "2"
"""
    + REST
)
EXTERNAL = (
    """schema = 1
name = "elsewhere"
[environment]
kind = "external"
[arms.before]
url = "http://127.0.0.1:8001"
[arms.after]
url = "http://127.0.0.1:8002"
"""
    + REST
)


def test_texts_stand_for_tables() -> None:
    spec = parse_plan(COMPOSE).system(Compose)
    assert spec.file == ("compose.yml",)
    assert spec.database
    assert (spec.database.service, spec.database.user) == ("db", None)
    assert spec.migrate
    assert (spec.migrate.command, spec.migrate.sql) == ("alembic upgrade {revision}", None)


def test_services_of_a_running_system_are_those_of_its_arms() -> None:
    assert parse_plan(EXTERNAL).services == ()
    urls = EXTERNAL.replace("url =", "urls.auth =")
    assert parse_plan(urls).services == ("auth",)
    assert isinstance(parse_plan(urls).environment, External)
    with pytest.raises(TypeError, match="kind external"):
        parse_plan(urls).system(Compose)


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ('file = "compose.yml"', "file = []", "environment.file", "names no Compose file"),
        ('services = ["api"]', 'services = ["a-b", "a_b"]', "environment.services", "HARNESS_URL_A_B"),
        ('services = ["api"]', "services = []", "environment.services", "at least 1"),
        ('services = ["api"]', 'services = ["api", "b"]\nport = 80', "environment", "ports = { api = 80"),
        ('services = ["api"]', 'services = ["api"]\nports = { b = 80 }', "environment", "add it to services"),
        ('services = ["api"]', 'services = ["api"]\nports = { api = 0 }', "environment.ports.api", "greater than"),
        ('services = ["api"]', 'services = ["api"]\nserve = "x"', "environment.serve", "unknown key"),
        ('database = "db"', 'database = { servce = "db" }', "environment.database.servce", 'mean "service"'),
        ('"alembic upgrade {revision}"', "{ sql = 'a', command = 'b' }", "environment.migrate", "either command"),
        ('"alembic upgrade {revision}"', "{ sql = 'a', service = 'b' }", "environment.migrate", "leave service out"),
        ('"alembic upgrade {revision}"', '"x {port}"', "environment.migrate", 'known are "{revision}"'),
        ('"alembic upgrade {revision}"', '"x {service}"', "environment.migrate", "unknown placeholder"),
        ('database = "db"\nmigrate =', "migrate = { sql = 'x' } #", "environment", "sql needs database"),
        (
            'database = "db"',
            'database = "db"\nlimits = { db = { memory = "much" } }',
            "environment.limits.db.memory",
            "",
        ),
        ('database = "db"', 'separate = "databases"', "environment", "needs database"),
        ('profiles = ["old"]', 'url = "http://a"', "arms.before.url", 'of kind "compose"'),
    ],
)
def test_a_problem_of_containers_names_its_key_and_the_fix(old: str, new: str, where: str, what: str) -> None:
    assert old in COMPOSE
    assert what in _problem(COMPOSE.replace(old, new, 1), where)


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("8002", "8001", "arms.after", "environment.switch"),
        ('url = "http://127.0.0.1:8002"', "", "arms.after", "either url"),
        ('url = "http://127.0.0.1:8002"', 'urls = { a = "http://b" }', "arms.after.urls", "services of arms.before"),
        ('"http://127.0.0.1:8002"', '"127.0.0.1:8002"', "arms.after.url", "pattern"),
        ("[arms.after]", '[arms.after]\nprofiles = ["a"]', "arms.after.profiles", 'of kind "compose"'),
        ('"external"', '"external"\nswitch = "x {amr}"', "environment.switch", 'known are "{arm}", "{revision}"'),
        ('"external"', '"external"\nreset = "x {port}"', "environment.reset", "unknown placeholder"),
        ('"external"', '"external"\nswitch = "x \'{arm}"', "environment.switch", "fix its quotes"),
        ('"external"', '"external"\nswitch = ""', "environment.switch", "at least 1"),
        ('"external"', '"external"\npostgres = "postgresql://a:b@c/d"', "environment.postgres", 'write "${NAME}"'),
        ('"external"', '"external"\npostgres = "host=c password = b"', "environment.postgres", "has a password"),
        ("[arms.after]", "[arms.after]\npostgres = 'postgresql://a:b@c/d'", "arms.after.postgres", "has a password"),
        ("//127.0.0.1:8002", "//me:secret@127.0.0.1:8002", "arms.after.url", "copied into every run"),
        (REST, REST + '[[targets]]\nexpect = "migration_seconds < 9 s"\n', "targets[0].expect", "is not migrated"),
        (REST, REST + '[[targets]]\nexpect = "ready_seconds < 9 s"\n', "targets[0].expect", "is not started"),
        (REST, REST + '[[targets]]\nexpect = "database_cpu < 9 %"\n', "targets[0].expect", "is not watched"),
        (REST, REST + '[[targets]]\nexpect = "slow_statements <= 0"\n', "targets[0].expect", "environment.postgres"),
        (
            REST,
            REST + '[[targets]]\nexpect = "trigger_ms_per_request < 9 ms"\n',
            "targets[0].expect",
            "nothing measures",
        ),
        ('"external"', '"external"\nredis = "redis://:b@c"', "environment.redis", 'write "${NAME}"'),
        ("[arms.after]", "[arms.after]\nredis = 'redis://a:b@c/1'", "arms.after.redis", "has a password"),
    ],
)
def test_a_problem_of_a_running_system_names_its_key_and_the_fix(old: str, new: str, where: str, what: str) -> None:
    assert old in EXTERNAL
    assert what in _problem(EXTERNAL.replace(old, new, 1), where)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://app:${PASSWORD}@db/shop",
        "postgresql://app@db/shop",
        "host=db password=${PASSWORD}",
        "host=db password='${PASSWORD}'",
        "${DSN}",
        "postgresql://db:5432/shop@home",
    ],
)
def test_a_database_may_be_named_without_its_password(address: str) -> None:
    plan = parse_plan(EXTERNAL.replace("[arms.after]", f'[arms.after]\npostgres = "{address}"'))
    assert plan.arms["after"].postgres == address


def test_an_address_that_is_refused_is_shown_without_its_password() -> None:
    what = _problem(EXTERNAL.replace("http://127.0.0.1:8002", "ftp://me:secret@127.0.0.1"), "arms.after.url")
    assert "ftp://127.0.0.1" in what
    assert "secret" not in what


def test_variables_and_braces_of_a_shell_are_no_placeholders() -> None:
    switch = "sh -c 'echo ${HOME} $(id) {arm}; kubectl get pods -o jsonpath={.items}'"
    text = EXTERNAL.replace('"external"', f'"external"\nswitch = "{switch}"')
    assert parse_plan(text).system(External).switch == switch


def test_only_a_running_system_is_measured_in_sequence() -> None:
    assert not parse_plan(EXTERNAL).sequential
    assert not parse_plan(COMPOSE).sequential
    assert parse_plan(EXTERNAL.replace('"external"', '"external"\nsequential = true')).sequential


def test_one_address_is_enough_with_a_switch() -> None:
    text = EXTERNAL.replace("8002", "8001").replace('"external"', '"external"\nswitch = "flag {arm}"')
    assert parse_plan(text).system(External).switch == "flag {arm}"


def _problem(text: str, where: str) -> str:
    with pytest.raises(PlanError) as caught:
        parse_plan(text, "my.toml")
    found = {problem.where: problem.what for problem in caught.value.problems}
    assert where in found, found
    return found[where]
