"""The direction of imports is the architecture; this is what keeps it."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from harness.metrics import METRICS

ROOT = Path(__file__).parents[2]
FLOW = [
    ("errors", "finding", "metric", "columns"),
    ("parts",),
    ("plan",),
    ("objections",),
    ("plan_file",),
    ("samples", "readings", "executions"),
    ("leg",),
    ("generation", "setup"),
    ("trial",),
    ("order",),
    ("answers",),
    ("evidence",),
    ("records",),
    ("statistics",),
    ("measures",),
    ("summary",),
    ("level",),
    ("change",),
    ("comparison",),
    ("judging",),
    ("explaining",),
    ("verdict",),
    ("result",),
    ("probes", "migration"),
    ("environment", "load", "seal"),
    ("folder",),
    ("store",),
    ("stores",),
    ("running",),
    ("analysis",),
    ("experiment",),
    ("campaign",),
    ("doctor", "selftest", "testing"),
    ("cli_exit", "cli_terminal"),
    ("cli_report", "cli_records", "cli_worker", "cli_selftest", "cli_host"),
    ("cli_run",),
    ("cli",),
    ("__main__",),
]
LEVEL = {name: level for level, names in enumerate(FLOW) for name in names}
TOUCH_FILES = {"samples", "readings", "executions"}
PURE = {name for name, level in LEVEL.items() if level <= LEVEL["result"]} - TOUCH_FILES
GENERATOR = {
    "parts", "plan", "plan_file", "objections", "columns", "answers", "samples", "readings", "leg", "generation",
    "measures",
}  # fmt: skip
COMMANDS = {
    "cli",
    "cli_exit",
    "cli_terminal",
    "cli_run",
    "cli_report",
    "cli_records",
    "cli_worker",
    "cli_selftest",
    "cli_host",
}
"""The command line: its commands are in files of their own, each loaded when it is asked for."""
USER_FILES = {ROOT / "harness/selftest/users.py"}
"""Read by the generator, like those of anybody's plan."""
WORLD = {"subprocess", "socket", "time", "os", "psutil", "psycopg", "redis", "requests", "urllib", "shutil", "tempfile"}


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


def part(path: Path) -> str:
    """The module or subpackage of harness that a file belongs to."""
    if path in USER_FILES:
        return "generator"
    return path.relative_to(ROOT / "harness").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules("harness"), ids=named)
def test_a_module_of_harness_imports_only_what_comes_before_it(path: Path) -> None:
    name = part(path)
    used = {i.split(".")[1] for i in imports(path) if i.startswith("harness.")} - {name, "__version__"}
    if name in {"__init__", "generator"}:
        assert used <= (GENERATOR if name == "generator" else set())
        return
    assert name in LEVEL, f"harness/{name} has no place in the flow"
    assert not [u for u in used if LEVEL.get(u, 99) > LEVEL[name]]


@pytest.mark.parametrize("package", sorted({p.parent for p in modules("harness")}), ids=named)
def test_no_module_imports_itself_by_way_of_others(package: Path) -> None:
    inside = ".".join(package.relative_to(ROOT).parts)
    files = {f"{inside}.{path.stem}": path for path in package.glob("*.py")}
    TopologicalSorter({name: imports(path) & files.keys() - {name} for name, path in files.items()}).prepare()


@pytest.mark.parametrize("path", modules("harness"), ids=named)
def test_harness_knows_no_subject_and_only_cli_knows_reports(path: Path) -> None:
    packages = {i.split(".")[0] for i in imports(path)}
    assert not packages & {"reference_app", "scenarios", "tests"}
    if part(path) not in COMMANDS:
        assert "reports" not in packages
    if part(path) != "generator":
        assert not packages & {"locust", "gevent"}


@pytest.mark.parametrize("path", [p for p in modules("harness") if part(p) in PURE], ids=named)
def test_the_pure_half_touches_no_clock_disk_or_network(path: Path) -> None:
    assert not {i.split(".")[0] for i in imports(path)} & WORLD


@pytest.mark.parametrize("path", modules("reports"), ids=named)
def test_reports_import_metric_to_result_only(path: Path) -> None:
    used = {i.split(".")[1] for i in imports(path) if i.startswith("harness.")}
    assert used <= {"errors", *(name for name, level in LEVEL.items() if level <= LEVEL["result"])}


@pytest.mark.parametrize("path", modules("reference_app"), ids=named)
def test_the_reference_application_knows_nothing_of_the_harness(path: Path) -> None:
    assert not {i.split(".")[0] for i in imports(path)} & {"harness", "reports", "scenarios"}


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


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {p.stem for package in ("harness", "reports", "reference_app", "scenarios") for p in modules(package)}
    assert not names & {"utils", "core", "common", "models", "helpers"}


def test_only_the_command_line_and_the_child_programs_print() -> None:
    printing = {
        part(path)
        for path in modules("harness")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    }
    assert printing <= {*COMMANDS, "generator"}
