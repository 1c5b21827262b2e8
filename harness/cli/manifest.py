"""Manifest: a distributed run as Kubernetes objects. Text in, text out; nothing is applied."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import Any

import yaml

from harness.errors import PlanError, Problem

NAME, PORT = "harness", 5557
MOST_BYTES = 1_000_000
"""The largest content of a ConfigMap; the API server accepts 1 MiB in all."""
SCRATCH = "/tmp"  # noqa: S108 - a volume of the pod's own
USER = 10_001


@dataclass(frozen=True, slots=True)
class Request:
    """What to run where: a plan, its text and user files, the number of workers, the image, the namespace."""

    plan: Path
    text: str
    files: Sequence[Path]
    workers: int
    image: str
    namespace: str


def manifest(request: Request) -> str:
    """A ConfigMap, a headless Service, a NetworkPolicy, and a Job each for the run and for its workers, as YAML.

    Raises:
        PlanError: when plan and user files are too large for a ConfigMap.
    """
    root = Path(commonpath([request.plan.resolve().parent, *(file.resolve().parent for file in request.files)]))
    plan = str(request.plan.resolve().relative_to(root))
    contents = {str(file.resolve().relative_to(root)): file.read_text(encoding="utf-8") for file in request.files}
    contents[plan] = request.text
    size = sum(len(text.encode()) for text in contents.values())
    if size > MOST_BYTES:
        what = f"plan and user files are {size:,} bytes, a ConfigMap takes {MOST_BYTES:,}; put data into the image"
        raise PlanError(request.plan, [Problem("load.users", what)])
    keys = {path: re.sub(r"[^-._a-zA-Z0-9]", "_", path) for path in sorted(contents)}
    objects = [
        _object(request, "v1", "ConfigMap", "plan", data={keys[path]: contents[path] for path in keys}),
        _object(request, "v1", "Service", "master", spec=_service()),
        _object(request, "networking.k8s.io/v1", "NetworkPolicy", "master", spec=_policy()),
        _object(request, "batch/v1", "Job", "master", spec=_job("master", 1, _master(request, plan, keys))),
        _object(request, "batch/v1", "Job", "worker", spec=_job("worker", request.workers, _worker(request))),
    ]
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, explicit_start=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as it is."""


def _as_block(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _as_block)


def _object(request: Request, version: str, kind: str, part: str, **content: Any) -> dict[str, Any]:  # noqa: ANN401
    metadata = {"name": f"{NAME}-{part}", "namespace": request.namespace, "labels": _labels(part)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def _labels(part: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": part}


def _service() -> dict[str, Any]:
    """Headless: the name of the run's only pod, known before it is ready."""
    ports = [{"name": "workers", "port": PORT, "targetPort": PORT}]
    return {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": _labels("master"), "ports": ports}


def _policy() -> dict[str, Any]:
    """Only the workers reach the pod of the run: its port has no authentication."""
    allowed = {"from": [{"podSelector": {"matchLabels": _labels("worker")}}]}
    return {"podSelector": {"matchLabels": _labels("master")}, "policyTypes": ["Ingress"], "ingress": [allowed]}


def _job(part: str, count: int, pod: dict[str, Any]) -> dict[str, Any]:
    template = {"metadata": {"labels": _labels(part)}, "spec": pod}
    return {"parallelism": count, "completions": count, "backoffLimit": 0, "template": template}


def _master(request: Request, plan: str, keys: dict[str, str]) -> dict[str, Any]:
    command = ["harness", "run", f"/plan/{plan}", "--out", f"{SCRATCH}/runs", "--plain"]
    command += ["--workers", str(request.workers), "--bind", f"0.0.0.0:{PORT}", "--allow-remote"]
    items = [{"key": key, "path": path} for path, key in keys.items()]
    pod = _pod(request, "master", command, cpu="2", memory="4Gi")
    pod["containers"][0]["ports"] = [{"name": "workers", "containerPort": PORT}]
    pod["containers"][0]["volumeMounts"].append({"name": "plan", "mountPath": "/plan", "readOnly": True})
    pod["volumes"].append({"name": "plan", "configMap": {"name": f"{NAME}-plan", "items": items}})
    return pod


def _worker(request: Request) -> dict[str, Any]:
    address = f"{NAME}-master.{request.namespace}.svc:{PORT}"
    return _pod(request, "worker", ["harness", "worker", "--master", address, "--allow-remote"], cpu="1", memory="1Gi")


def _pod(request: Request, part: str, command: list[str], *, cpu: str, memory: str) -> dict[str, Any]:
    """One container; requests equal limits, so that neighbours do not shift the measurement."""
    resources = {"cpu": cpu, "memory": memory}
    container: dict[str, Any] = {
        "name": part,
        "image": request.image,
        "command": command,
        "env": [
            {"name": "HOME", "value": SCRATCH},
            {"name": "HARNESS_CACHE", "value": f"{SCRATCH}/cache"},
            {"name": "MPLCONFIGDIR", "value": f"{SCRATCH}/matplotlib"},
        ],
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "scratch", "mountPath": SCRATCH}],
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    }
