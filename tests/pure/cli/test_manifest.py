"""The Kubernetes objects, against the API schema and the restricted Pod Security Standard."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from harness.cli.manifest import MAX_BYTES, ManifestOptions, manifest
from harness.errors import PlanError

TEXT = 'schema = 1\nname = "with: a colon"\n\n[load]\nusers = ["users/reader.py"]\n'
CODE = 'print("ok")\n# tab\there, a quote \' and\n\n  trailing  \n'


@pytest.fixture
def options(tmp_path: Path) -> ManifestOptions:
    users = tmp_path / "users" / "reader.py"
    users.parent.mkdir()
    users.write_text(CODE)
    (tmp_path / "plan.toml").write_text(TEXT)
    return ManifestOptions(tmp_path / "plan.toml", TEXT, (users,), 8, "registry.example/harness:1", "load-tests")


@pytest.fixture
def objects(options: ManifestOptions) -> dict[str, Any]:
    documents = list(yaml.safe_load_all(manifest(options)))
    return {f"{document['kind']} {document['metadata']['name']}": document for document in documents}


def test_every_object_is_valid_in_the_schema(objects: dict[str, Any]) -> None:
    assert list(objects) == [
        "ConfigMap harness-plan",
        "Service harness-master",
        "NetworkPolicy harness-master",
        "Job harness-master",
        "Job harness-worker",
    ]
    for document in objects.values():
        kubernetes_validate.validate(document, "1.29", strict=True)


def test_the_schema_would_object(objects: dict[str, Any]) -> None:
    job = objects["Job harness-worker"]
    job["spec"]["template"]["spec"]["containers"][0]["imagee"] = "typo"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, "1.29", strict=True)


def test_plan_and_user_files_arrive_as_they_are(objects: dict[str, Any]) -> None:
    data = objects["ConfigMap harness-plan"]["data"]
    pod = objects["Job harness-master"]["spec"]["template"]["spec"]
    (volume,) = [v["configMap"] for v in pod["volumes"] if "configMap" in v]
    assert {item["path"]: data[item["key"]] for item in volume["items"]} == {
        "plan.toml": TEXT,
        "users/reader.py": CODE,
    }
    assert pod["containers"][0]["command"][:3] == ["harness", "run", "/plan/plan.toml"]


def test_as_many_workers_as_were_asked_for_find_the_run(objects: dict[str, Any]) -> None:
    job, run = objects["Job harness-worker"]["spec"], objects["Job harness-master"]["spec"]
    assert job["parallelism"] == job["completions"] == 8
    (worker,), (master,) = (s["template"]["spec"]["containers"] for s in (job, run))
    assert "harness-master.load-tests.svc:5557" in worker["command"]
    assert master["command"][-5:] == ["--workers", "8", "--bind", "0.0.0.0:5557", "--allow-remote"]
    service = objects["Service harness-master"]["spec"]
    assert service["clusterIP"] == "None"
    assert service["selector"].items() <= run["template"]["metadata"]["labels"].items()
    policy = objects["NetworkPolicy harness-master"]["spec"]
    (allowed,) = policy["ingress"][0]["from"]
    assert allowed["podSelector"]["matchLabels"].items() <= job["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("name", ["Job harness-master", "Job harness-worker"])
def test_pods_ask_for_no_rights(objects: dict[str, Any], name: str) -> None:
    spec = objects[name]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert spec["backoffLimit"] == 0
    assert pod["restartPolicy"] == "Never"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["resources"]["requests"] == container["resources"]["limits"]


def test_what_no_config_map_takes_is_refused(options: ManifestOptions) -> None:
    options.files[0].write_text("#" * MAX_BYTES)
    with pytest.raises(PlanError, match=r"load\.users: plan and user files have 1,000,\d+ bytes"):
        manifest(options)
