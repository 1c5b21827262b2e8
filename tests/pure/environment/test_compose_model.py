"""The changes of a run to the model of a Compose file."""

from typing import Any

import pytest

from harness.environment.compose.model import ACCESS, credentials, one_off_services, port_of, rewrite, with_dependencies
from harness.errors import EnvironmentFailedError
from harness.plan.environment import Compose

LABELS = {"harness.owner": "1-2-3"}


def spec(**keys: Any) -> Compose:  # noqa: ANN401 - as in a plan
    return Compose(kind="compose", file=("compose.yml",), **{"services": ("api",), **keys})


def model(**api: Any) -> dict[str, Any]:  # noqa: ANN401 - as Compose writes it
    return {
        "name": "theirs",
        "services": {
            "api": {"image": "api:1", "ports": [{"target": 80, "published": "80"}], **api},
            "db": {"image": "postgres:18", "container_name": "theirs-db", "ports": [{"target": 5432}]},
        },
        "networks": {"default": {"name": "theirs_default"}},
        "volumes": {"data": {"name": "theirs_data"}},
    }


def test_a_run_has_names_ports_and_labels_of_its_own() -> None:
    given = model(labels={"a": "b"}, profiles=["x"])
    made = rewrite(given, spec(), LABELS)
    assert "name" not in made
    assert made["services"]["api"] == {
        "image": "api:1",
        "labels": {"a": "b", **LABELS},
        "ports": [{"target": 80, "host_ip": "127.0.0.1", "protocol": "tcp", "mode": "host"}],
    }
    assert made["services"]["db"] == {"image": "postgres:18", "labels": LABELS}
    assert made["networks"] == {"default": {"labels": LABELS}}
    assert made["volumes"] == {"data": {"labels": LABELS}}
    assert given == model(labels={"a": "b"}, profiles=["x"])


def test_a_service_of_closed_networks_gets_an_open_one_to_be_reached_over() -> None:
    given = model(networks={"inside": None})
    given["networks"] = {"inside": {"internal": True}}
    made = rewrite(given, spec(), LABELS)
    assert made["services"]["api"]["networks"] == {"inside": None, ACCESS: None}
    assert made["networks"] == {"inside": {"internal": True, "labels": LABELS}, ACCESS: {"labels": LABELS}}
    assert "networks" not in made["services"]["db"]


def test_images_that_are_built_keep_one_name_from_run_to_run() -> None:
    built = {"build": {"context": "/src"}, "image": "theirs:latest"}
    one, other = (rewrite(model(**built), spec(), {"harness.owner": owner}) for owner in "ab")
    assert one["services"]["api"]["image"] == other["services"]["api"]["image"] != "theirs:latest"
    moved = rewrite(model(build={"context": "/other"}), spec(), LABELS)
    assert moved["services"]["api"]["image"] != one["services"]["api"]["image"]
    networked = rewrite(model(**built), spec(build_network="host"), LABELS)
    assert networked["services"]["api"]["build"]["network"] == "host"


def test_limits_and_cores_are_those_of_the_plan() -> None:
    limits = {"api": {"cpus": 0.5, "memory": "64 M"}}
    made = rewrite(model(mem_limit="1g", cpus=2), spec(limits=limits, cores=(1, 3)), LABELS)
    api = made["services"]["api"]
    assert api["deploy"]["resources"]["limits"] == {"cpus": "0.5", "memory": "64m"}
    assert not {"mem_limit", "cpus"} & {*api}
    assert [service["cpuset"] for service in made["services"].values()] == ["1,3", "1,3"]


def test_a_folder_of_this_machine_is_no_place_for_the_data_of_a_run() -> None:
    given = model()
    given["services"]["db"]["volumes"] = [
        {"type": "bind", "source": "/home/me/data", "target": "/var/lib/postgresql/data"},
        {"type": "bind", "source": "/home/me/init", "target": "/docker-entrypoint-initdb.d/data.sql"},
    ]
    made = rewrite(given, spec(database={"service": "db"}), LABELS)
    moved, kept = made["services"]["db"]["volumes"]
    assert (moved["type"], moved["source"]) == ("volume", "db-data-0")
    assert made["volumes"]["db-data-0"] == {"labels": LABELS}
    assert kept == given["services"]["db"]["volumes"][1]


@pytest.mark.parametrize(
    ("keys", "change", "what"),
    [
        ({"services": ("apy",)}, {}, 'environment.services[0]: no service "apy".*did you mean "api"'),
        ({"database": {"service": "mysql"}}, {}, 'environment.database: no service "mysql".*known are api, db'),
        ({"migrate": {"service": "x", "command": "y"}}, {}, 'environment.migrate.service: no service "x"'),
        ({}, {"network_mode": "host"}, "api has network_mode host"),
        ({}, {"ports": []}, "api has no published or exposed port; write ports = { api = 8000 }"),
        ({}, {"ports": [], "expose": ["1", "2/tcp"]}, "api has several ports .1, 2.; write ports"),
    ],
)
def test_what_cannot_be_is_said_with_the_fix(keys: dict[str, Any], change: dict[str, Any], what: str) -> None:
    with pytest.raises(EnvironmentFailedError, match=what.replace("[", r"\[").replace("{", r"\{")):
        rewrite(model(**change), spec(**keys), LABELS)


def test_data_of_others_is_refused() -> None:
    given = model()
    given["volumes"]["data"]["external"] = True
    with pytest.raises(EnvironmentFailedError, match="volume data of the Compose file is external"):
        rewrite(given, spec(), LABELS)


def test_the_port_is_the_plans_else_the_only_one() -> None:
    services = model(expose=["9000"])["services"]
    assert port_of(services, spec(), "api") == 80
    assert port_of(services, spec(port=81), "api") == 81
    assert port_of(services, spec(ports={"api": 82}), "api") == 82


@pytest.mark.parametrize(
    ("env", "server", "expected"),
    [
        ({}, {}, ("postgres", "", "postgres")),
        ({"POSTGRES_USER": "u", "POSTGRES_PASSWORD": "p"}, {}, ("u", "p", "u")),
        ({"POSTGRES_PASSWORD": "a$$b$$$$c"}, {}, ("postgres", "a$b$$c", "postgres")),  # as Compose writes a dollar
        ({"POSTGRES_USER": "u", "POSTGRES_PASSWORD_FILE": "/s"}, {"name": "d"}, ("u", "inside /s", "d")),
        ({"POSTGRES_DB": "d"}, {"user": "admin", "password_file": "/f"}, ("admin", "inside /f", "d")),
    ],
)
def test_the_superuser_is_that_of_the_image(env: dict[str, str], server: dict[str, str], expected: object) -> None:
    given = model()
    given["services"]["db"]["environment"] = env
    found = credentials(given, spec(database={"service": "db", **server}), lambda path: f"inside {path}\n")
    assert (found.user, found.password, found.database) == expected
    assert not found.password or found.password not in repr(found)


def test_a_service_brings_what_it_depends_on() -> None:
    done = {"condition": "service_completed_successfully"}
    services = {"a": {"depends_on": {"b": done}}, "b": {"depends_on": {"c": {"condition": "service_healthy"}}}, "c": {}}
    assert with_dependencies(services, ["a"]) == {"a", "b", "c"}
    assert with_dependencies(services, ["b"]) == {"b", "c"}
    assert one_off_services(services) == {"b"}
