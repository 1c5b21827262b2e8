"""The table of docs/architecture.md is the architecture; these tests hold the code to it."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from harness.metrics import METRICS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/architecture.md"
ROOT_MODULES = {"errors", "metrics", "finding"}
PURE = {"plan", "statistics", "analysis", "evidence", "verdict", "reports"}
WORLD = {"subprocess", "socket", "time", "os", "psutil", "psycopg", "redis", "requests", "urllib", "shutil", "tempfile"}
USER_FILES = {ROOT / "harness/selftest/users.py"}
"""Loaded by the generator, like those of anybody's plan."""


def allowed_imports() -> dict[str, set[str]]:
    """The table "Allowed imports" of the page: package to the packages it may import."""
    section = PAGE.read_text(encoding="utf-8").partition("## Allowed imports")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", section, re.MULTILINE)
    table = {name: ROOT_MODULES | set(re.findall(r"\w+", cell)) for name, cell in rows}
    return table | {name: set() for name in ROOT_MODULES}


ALLOWED = allowed_imports()


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def package_of(path: Path) -> str:
    """The row of the table that a file belongs to."""
    if path in USER_FILES:
        return "generator"
    parts = path.relative_to(ROOT).parts
    return "reports" if parts[0] == "reports" else parts[1].removesuffix(".py")


def packages_used(path: Path) -> set[str]:
    used = {parts[1] for name in imports(path) if len(parts := name.split(".")) > 1 and parts[0] == "harness"}
    used |= {"reports"} & {name.split(".")[0] for name in imports(path)}
    return used & ALLOWED.keys() - {package_of(path)}


HOUSE = [
    path for path in (*modules("harness"), *modules("reports")) if package_of(path) not in {"__init__", "__main__"}
]


def test_the_table_names_every_package_and_nothing_else() -> None:
    assert {package_of(path) for path in HOUSE} == ALLOWED.keys()


def test_the_table_has_no_circle() -> None:
    TopologicalSorter(ALLOWED).prepare()


@pytest.mark.parametrize("path", HOUSE, ids=named)
def test_a_module_imports_only_what_its_package_may(path: Path) -> None:
    assert packages_used(path) <= ALLOWED[package_of(path)]


@pytest.mark.parametrize("package", ["harness", "reports"])
def test_no_module_imports_itself_by_way_of_others(package: str) -> None:
    files = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in modules(package)}
    TopologicalSorter({name: imports(path) & files.keys() - {name} for name, path in files.items()}).prepare()


@pytest.mark.parametrize("path", [p for p in HOUSE if package_of(p) in PURE], ids=named)
def test_the_pure_half_touches_no_clock_process_or_network(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & WORLD


@pytest.mark.parametrize("path", HOUSE, ids=named)
def test_the_product_knows_no_service_and_only_the_generator_knows_locust(path: Path) -> None:
    used = {name.split(".")[0] for name in imports(path)}
    assert not used & {"reference_app", "scenarios", "tests"}
    if package_of(path) != "generator":
        assert not used & {"locust", "gevent"}


@pytest.mark.parametrize("path", modules("reference_app"), ids=named)
def test_the_reference_application_knows_nothing_of_the_harness(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & {"harness", "reports", "scenarios"}


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {p.stem for package in ("harness", "reports", "reference_app", "scenarios") for p in modules(package)}
    assert not names & {"utils", "core", "common", "models", "helpers"}


def test_only_the_command_line_and_the_child_programs_print() -> None:
    printing = {
        package_of(path)
        for path in HOUSE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    }
    assert printing <= {"cli", "generator"}


@pytest.mark.parametrize("path", [*modules("harness"), *modules("reports")], ids=named)
def test_only_the_registry_compares_metrics_by_name(path: Path) -> None:
    """What such a comparison asks is a property of the metric."""
    compared = [
        operand.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        for operand in (node.left, *node.comparators)
        if isinstance(operand, ast.Constant)
    ]
    assert not METRICS.keys() & set(compared)


def test_public_class_names_are_unique() -> None:
    found: dict[str, list[str]] = {}
    for path in HOUSE:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(named(path))
    assert not {name: paths for name, paths in found.items() if len(paths) > 1}


def test_every_module_that_the_page_names_exists() -> None:
    named_files = set(re.findall(r"`((?:\w+/)+\w+\.py)`", PAGE.read_text(encoding="utf-8")))
    assert named_files
    assert not [name for name in named_files if not (ROOT / name).is_file() and not (ROOT / "harness" / name).is_file()]
