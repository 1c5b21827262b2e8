"""The services are alike: who knows one finds the same thing in the next by its name, and no module is long."""

from pathlib import Path

import pytest

from reference_app import services

HOME = Path(services.__file__).parent
MODULES = {"__init__", "baseline", "caching", "entities", "optimized", "routes", "statements"}


@pytest.mark.parametrize("name", services.NAMES)
def test_a_service_has_the_modules_of_the_others_and_is_short(name: str) -> None:
    lines = {path.stem: len(path.read_text(encoding="utf-8").splitlines()) for path in (HOME / name).glob("*.py")}
    assert lines.keys() >= MODULES
    assert max(lines.values()) < 200
    assert sum(lines.values()) < 600
    assert (HOME.parent / "seeds" / f"{name}.py").is_file()
    revisions = [path.stem for path in sorted((HOME.parent / "migrations" / name).glob("0*.py"))]
    assert revisions == ["0001_initial_schema", "0002_performance"]


def test_no_two_services_share_a_space_in_the_cache() -> None:
    assert len({services.find(name).space for name in services.NAMES}) == len(services.NAMES)
