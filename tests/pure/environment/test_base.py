"""The class of each kind of environment."""

from pathlib import Path
from typing import get_args

import pytest

from harness.environment.base import KINDS, create
from harness.environment.external import ExternalEnvironment
from harness.environment.local import LocalEnvironment
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from tests.doubles import PLAN

EXTERNAL = PLAN.replace('"local"\nserve = "serve --port {port}"', '"external"').replace(
    "[arms.before]\n[arms.after]", '[arms.before]\nurl = "http://a"\n[arms.after]\nurl = "http://b"'
)


def test_every_kind_of_a_plan_has_a_class() -> None:
    kinds = {
        get_args(model.model_fields["kind"].annotation)[0]
        for model in get_args(Plan.model_fields["environment"].annotation)
    }
    assert kinds == {*KINDS}


@pytest.mark.parametrize(("text", "kind"), [(PLAN, LocalEnvironment), (EXTERNAL, ExternalEnvironment)])
def test_the_kind_of_the_plan_decides(text: str, kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    assert isinstance(create(parse_plan(text), tmp_path, tmp_path / "logs", print), kind)
