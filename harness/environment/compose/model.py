"""The resolved model of a Compose file, rewritten for a run; the file itself stays unchanged.

The rewritten model publishes only the ports that the harness uses, has names of the run, writes to no external volume,
and labels every container, network and volume.
"""

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from harness.environment.variables import expand
from harness.errors import EnvironmentFailedError, nearest
from harness.plan.environment import Compose

Model = dict[str, Any]
HOST = "127.0.0.1"
POSTGRES_PORT, REDIS_PORT = 5432, 6379
ACCESS = "harness-access"
SCRIPTS = "/docker-entrypoint-initdb.d"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The administrator's login to a PostgreSQL server."""

    user: str
    password: str = field(repr=False)
    database: str


def rewrite(model: Model, spec: Compose, labels: Mapping[str, str], pinned: Mapping[str, int] | None = None) -> Model:
    """The model of the file with the changes that a run needs; ``pinned``: ports of this machine by service.

    Raises ``EnvironmentFailedError`` if the plan names an unknown service, or the file needs an external volume.
    """
    made = copy.deepcopy(model)
    made.pop("name", None)
    services: dict[str, Any] = made.setdefault("services", {})
    _check_names(services, spec)
    reached = _published_ports(services, spec)
    for name, service in services.items():
        for key in ("container_name", "profiles", "ports"):
            service.pop(key, None)
        service["labels"] = {**_mapping(service.get("labels")), **labels}
        if service.get("build"):
            service["image"] = _image(service["build"])
            if spec.build_network:
                service["build"]["network"] = spec.build_network
        if name in reached:
            _publish(made, name, service, reached[name], (pinned or {}).get(name))
        _limit_resources(name, service, spec)
    for name in _data_services(spec):
        _replace_bind_mounts(made, name, services[name])
    _label(made, labels)
    return made


def shares_server(made: Iterable[Model], spec: Compose) -> bool:
    """Whether the arms share one database server; raises ``EnvironmentFailedError`` if they must and cannot."""
    if not spec.database:
        return False
    servers = [model["services"][spec.database.service] for model in made]
    same = all(server == servers[0] for server in servers)
    if spec.separate == "databases" and not same:
        raise EnvironmentFailedError(
            f"environment.separate: the arms cannot share {spec.database.service}, which they describe differently; "
            'write separate = "projects"'
        )
    return same and spec.separate != "projects"


def port_of(services: Mapping[str, Any], spec: Compose, name: str) -> int:
    """The port in the container, from the plan or the file; raises ``EnvironmentFailedError`` unless it is one."""
    if planned := spec.port_of(name):
        return planned
    published = {int(port["target"]) for port in services[name].get("ports", ())}
    exposed = {int(str(port).partition("/")[0]) for port in services[name].get("expose", ())}
    found = sorted(published or exposed)
    if len(found) == 1:
        return found[0]
    what = f"several ports ({', '.join(map(str, found))})" if found else "no published or exposed port"
    fix = f"write ports = {{ {name} = {(found or [8000])[0]} }}"
    raise EnvironmentFailedError(f"environment.ports: service {name} has {what}; {fix}")


def credentials(model: Model, spec: Compose, read: Callable[[str], str]) -> Credentials:
    """The superuser of the database, from the image's variables and files; ``read`` reads a file of the container."""
    if spec.database is None:
        raise EnvironmentFailedError("environment.database names no service")
    env = _mapping(model["services"][spec.database.service].get("environment"))

    def variable(name: str) -> str:
        path = env.get(f"{name}_FILE")
        value = str(env.get(name) or "").replace("$$", "$")  # Compose's escape of a dollar
        return value or (read(str(path)).strip() if path else "")

    user = spec.database.user or variable("POSTGRES_USER") or "postgres"
    database = spec.database.name or variable("POSTGRES_DB") or user
    if spec.database.password_file:
        return Credentials(user, read(spec.database.password_file).strip(), database)
    password = spec.database.password and expand(spec.database.password, "environment.database.password")
    return Credentials(user, password or variable("POSTGRES_PASSWORD"), database)


def cache_password(spec: Compose, read: Callable[[str], str]) -> str | None:
    """The password of the cache; ``None`` if the plan has none. ``read`` as in ``credentials``."""
    if spec.cache is None:
        return None
    if spec.cache.password_file:
        return read(spec.cache.password_file).strip()
    return expand(spec.cache.password, "environment.cache.password") if spec.cache.password else None


def one_off_services(services: Mapping[str, Any]) -> set[str]:
    """Services whose successful end others wait for."""
    return {
        other
        for service in services.values()
        for other, how in _mapping(service.get("depends_on")).items()
        if isinstance(how, dict) and how.get("condition") == "service_completed_successfully"
    }


def with_dependencies(services: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """The named services and their dependencies."""
    found, ahead = set(), list(names)
    while ahead:
        name = ahead.pop()
        if name in services and name not in found:
            found.add(name)
            ahead += _mapping(services[name].get("depends_on"))
    return found


def _check_names(services: Mapping[str, Any], spec: Compose) -> None:
    named = {f"environment.services[{index}]": name for index, name in enumerate(spec.services)}
    named |= {f"environment.start[{index}]": name for index, name in enumerate(spec.start)}
    named |= {f"environment.limits.{name}": name for name in spec.limits}
    for key, apply in (("seed", spec.seed), ("migrate", spec.migrate)):
        if apply and apply.service:
            named[f"environment.{key}.service"] = apply.service
    if spec.database:
        named["environment.database"] = spec.database.service
    if spec.cache:
        named["environment.cache"] = spec.cache.service
    require_services(services, named)


def require_services(services: Mapping[str, Any], named: Mapping[str, str]) -> None:
    """Raise ``EnvironmentFailedError`` for the first unknown service; ``named`` is by key of the plan."""
    for where, name in named.items():
        if name not in services:
            what = f'no service "{name}" in the Compose file under these profiles; {nearest(name, sorted(services))}'
            raise EnvironmentFailedError(f"{where}: {what}")


def _published_ports(services: Mapping[str, Any], spec: Compose) -> dict[str, int]:
    """The container ports that the harness connects to, by service."""
    found = {name: port_of(services, spec, name) for name in spec.services}
    if spec.database:
        found[spec.database.service] = POSTGRES_PORT
    if spec.cache:
        found[spec.cache.service] = REDIS_PORT
    return found


def _publish(made: Model, name: str, service: dict[str, Any], port: int, published: int | None) -> None:
    """Publish a port on this machine; adds a network of the run if all networks of the service are internal."""
    if mode := service.get("network_mode"):
        raise EnvironmentFailedError(
            f"service {name} has network_mode {mode}, so its port cannot be published; remove it from the Compose "
            "file, or reset it in a second file of environment.file"
        )
    service["ports"] = [{"target": port, "host_ip": HOST, "protocol": "tcp", "mode": "host"}]
    if published:
        service["ports"][0]["published"] = str(published)
    joined = _mapping(service.get("networks")) or {"default": None}
    networks = made.setdefault("networks", {})
    if all((networks.get(network) or {}).get("internal") for network in joined):
        service["networks"] = {**joined, ACCESS: None}
        networks.setdefault(ACCESS, {})


def _limit_resources(name: str, service: dict[str, Any], spec: Compose) -> None:
    if spec.cores:
        service["cpuset"] = ",".join(map(str, spec.cores))
    limits = spec.limits.get(name)
    if limits is None:
        return
    deployed = service.setdefault("deploy", {}).setdefault("resources", {}).setdefault("limits", {})
    if limits.cpus is not None:
        service.pop("cpus", None)
        deployed["cpus"] = str(limits.cpus)
    if limits.memory is not None:
        for key in ("mem_limit", "memswap_limit"):
            service.pop(key, None)
        deployed["memory"] = limits.memory.lower().replace(" ", "")


def _data_services(spec: Compose) -> list[str]:
    return [name for name in (spec.database and spec.database.service, spec.cache and spec.cache.service) if name]


def _replace_bind_mounts(made: Model, name: str, service: dict[str, Any]) -> None:
    """Replace data folders of this machine by volumes of the run."""
    for index, mount in enumerate(service.get("volumes", ())):
        target = str(mount.get("target", ""))
        if mount.get("type") == "bind" and not mount.get("read_only") and "data" in target and SCRIPTS not in target:
            volume = f"{name}-data-{index}"
            service["volumes"][index] = {"type": "volume", "source": volume, "target": target, "volume": {}}
            made.setdefault("volumes", {})[volume] = {}


def _label(made: Model, labels: Mapping[str, str]) -> None:
    for kind in ("networks", "volumes"):
        for name, described in made.get(kind, {}).items():
            made[kind][name] = thing = described or {}
            if thing.get("external"):
                if kind == "networks":
                    continue
                raise EnvironmentFailedError(
                    f"volume {name} of the Compose file is external: the run would write to data of others; override "
                    "it in a second file of environment.file"
                )
            thing.pop("name", None)
            thing["labels"] = {**_mapping(thing.get("labels")), **labels}


def _image(build: object) -> str:
    """The same name in every run, so that Docker's cache is used and images do not accumulate."""
    digest = sha256(json.dumps(build, sort_keys=True, default=str).encode()).hexdigest()[:12]
    return f"harness-built:{digest}"


def _mapping(value: object) -> dict[str, Any]:
    """A mapping in either of Compose's notations, list or mapping."""
    if isinstance(value, list):
        pairs = (str(item).partition("=") for item in value)
        return {name: text for name, _, text in pairs}
    return dict(value) if isinstance(value, dict) else {}
