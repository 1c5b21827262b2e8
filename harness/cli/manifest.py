"""A distributed run as Kubernetes objects; text in, text out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import Any

import yaml

from harness.errors import PlanError, Problem

NAME, PORT = "harness", 5557
MAX_BYTES = 1_000_000
"""Of the content of a ConfigMap; the API server accepts 1 MiB with metadata."""
SCRATCH = "/tmp"  # noqa: S108 - a volume of the pod
USER = 10_001


@dataclass(frozen=True, slots=True)
class ManifestOptions:
    """A plan, its text and its user files; the number of workers, the image and the namespace."""

    plan: Path
    text: str
    files: Sequence[Path]
    workers: int
    image: str
    namespace: str


def manifest(options: ManifestOptions) -> str:
    """YAML of a ConfigMap, a headless Service, a NetworkPolicy, and a Job each for the run and for its workers.

    Raises:
        PlanError: if plan and user files are too large for a ConfigMap.
    """
    root = Path(commonpath([options.plan.resolve().parent, *(file.resolve().parent for file in options.files)]))
    plan = str(options.plan.resolve().relative_to(root))
    contents = {str(file.resolve().relative_to(root)): file.read_text(encoding="utf-8") for file in options.files}
    contents[plan] = options.text
    size = sum(len(text.encode()) for text in contents.values())
    if size > MAX_BYTES:
        what = f"plan and user files have {size:,} bytes, a ConfigMap takes {MAX_BYTES:,}; put data into the image"
        raise PlanError(options.plan, [Problem("load.users", what)])
    keys = {path: re.sub(r"[^-._a-zA-Z0-9]", "_", path) for path in sorted(contents)}
    objects = [
        _object(options, "v1", "ConfigMap", "plan", data={keys[path]: contents[path] for path in keys}),
        _object(options, "v1", "Service", "master", spec=_service()),
        _object(options, "networking.k8s.io/v1", "NetworkPolicy", "master", spec=_policy()),
        _object(options, "batch/v1", "Job", "master", spec=_job("master", 1, _master(options, plan, keys))),
        _object(options, "batch/v1", "Job", "worker", spec=_job("worker", options.workers, _worker(options))),
    ]
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, explicit_start=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block."""


def _as_block(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _as_block)


def _object(options: ManifestOptions, version: str, kind: str, part: str, **content: Any) -> dict[str, Any]:  # noqa: ANN401
    metadata = {"name": f"{NAME}-{part}", "namespace": options.namespace, "labels": _labels(part)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def _labels(part: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": part}


def _service() -> dict[str, Any]:
    """A headless service: its name resolves to the run's only pod before the pod is ready."""
    ports = [{"name": "workers", "port": PORT, "targetPort": PORT}]
    return {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": _labels("master"), "ports": ports}


def _policy() -> dict[str, Any]:
    """Let only the workers connect to the run: its port has no authentication."""
    allowed = {"from": [{"podSelector": {"matchLabels": _labels("worker")}}]}
    return {"podSelector": {"matchLabels": _labels("master")}, "policyTypes": ["Ingress"], "ingress": [allowed]}


def _job(part: str, count: int, pod: dict[str, Any]) -> dict[str, Any]:
    template = {"metadata": {"labels": _labels(part)}, "spec": pod}
    return {"parallelism": count, "completions": count, "backoffLimit": 0, "template": template}


def _master(options: ManifestOptions, plan: str, keys: dict[str, str]) -> dict[str, Any]:
    command = ["harness", "run", f"/plan/{plan}", "--out", f"{SCRATCH}/runs", "--plain"]
    command += ["--workers", str(options.workers), "--bind", f"0.0.0.0:{PORT}", "--allow-remote"]
    items = [{"key": key, "path": path} for path, key in keys.items()]
    pod = _pod(options, "master", command, cpu="2", memory="4Gi")
    pod["containers"][0]["ports"] = [{"name": "workers", "containerPort": PORT}]
    pod["containers"][0]["volumeMounts"].append({"name": "plan", "mountPath": "/plan", "readOnly": True})
    pod["volumes"].append({"name": "plan", "configMap": {"name": f"{NAME}-plan", "items": items}})
    return pod


def _worker(options: ManifestOptions) -> dict[str, Any]:
    address = f"{NAME}-master.{options.namespace}.svc:{PORT}"
    return _pod(options, "worker", ["harness", "worker", "--master", address, "--allow-remote"], cpu="1", memory="1Gi")


def _pod(options: ManifestOptions, part: str, command: list[str], *, cpu: str, memory: str) -> dict[str, Any]:
    """One container; requests equal limits, so that other pods do not disturb the measurement."""
    resources = {"cpu": cpu, "memory": memory}
    container: dict[str, Any] = {
        "name": part,
        "image": options.image,
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
