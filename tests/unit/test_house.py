"""The direction of imports is the architecture; this is what keeps it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOW = [
    ("errors",),
    ("metric",),
    ("target",),
    ("stage",),
    ("search",),
    ("judgement",),
    ("system",),
    ("corpus", "fault", "abort", "alert", "gauge", "during"),
    ("vocabulary",),
    ("plan",),
    ("plan_external", "plan_faults", "plan_search", "plan_blind", "plan_targets", "plan_words", "plan_during"),
    ("plan_file",),
    ("columns",),
    ("answer", "samples", "readings", "statement", "executions", "unread"),
    ("keys",),
    ("inspected",),
    ("index", "plan_tree"),
    ("plan_difference",),
    ("ablation",),
    ("ledger",),
    ("trial", "passage"),
    ("statement_log", "schema"),
    ("order",),
    ("statistics",),
    ("precision", "ranks", "multiplicity", "resampling", "steadiness", "groups"),
    ("capacity", "recovery", "cell", "settling"),
    ("gauging",),
    ("facts", "usage", "work", "server_side", "row", "curve", "timeline", "soundness", "replies"),
    ("recorded", "comparable"),
    ("history",),
    ("examination", "alarm"),
    ("toll", "repetition"),
    ("summary",),
    ("comparison",),
    ("forecast", "noise", "certificate", "placebo"),
    ("shift",),
    ("outcome",),
    ("attribution",),
    ("searched",),
    ("divergence",),
    ("agreement",),
    ("rehearsal",),
    ("guard", "evictions"),
    ("breach",),
    ("doubt",),
    ("check",),
    ("stability",),
    ("primary", "proof", "stop", "rehearsed"),
    ("survey", "omission"),
    ("cause", "bottleneck"),
    ("evidence",),
    ("verdict",),
    ("environment", "migration", "probes", "address", "load", "worker", "manifest"),
    ("seal", "lint", "hold"),
    ("faults", "machine", "store"),
    ("inspection",),
    ("interview",),
    ("survey_store",),
    ("surveyor",),
    ("noise_store", "certificate_store", "beside", "director"),
    ("rehearsing",),
    ("analysis",),
    ("experiment",),
    ("campaign",),
    ("archive", "doctor", "observers", "selftest", "signals", "testing"),
    ("cli_records", "cli_selftest"),
    ("cli",),
    ("__main__",),
]
LEVEL = {name: level for level, names in enumerate(FLOW) for name in names}
TOUCH_FILES = {"samples", "readings", "executions"}
PURE = {name for name, level in LEVEL.items() if level <= LEVEL["verdict"]} - TOUCH_FILES
GENERATOR = {
    "target", "stage", "search", "system", "corpus", "fault", "abort", "alert", "plan", "plan_file", "columns",
    "answer", "samples", "readings", "trial", "capacity", "plan_during",
}  # fmt: skip
COMMANDS = {"cli", "cli_records", "cli_selftest"}
"""The command line: what measures and judges a run, what looks back at recorded ones, what tests the measurement."""
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


def part(path: Path) -> str:
    """The module or subpackage of harness that a file belongs to."""
    if path in USER_FILES:
        return "generator"
    return path.relative_to(ROOT / "harness").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules("harness"), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_of_harness_imports_only_what_comes_before_it(path: Path) -> None:
    name = part(path)
    used = {i.split(".")[1] for i in imports(path) if i.startswith("harness.")} - {name, "__version__"}
    if name in {"__init__", "generator"}:
        assert used <= (GENERATOR if name == "generator" else set())
        return
    assert name in LEVEL, f"harness/{name} has no place in the flow"
    assert not [u for u in used if LEVEL.get(u, 99) > LEVEL[name]]


@pytest.mark.parametrize("path", modules("harness"), ids=lambda p: str(p.relative_to(ROOT)))
def test_harness_knows_no_subject_and_only_cli_knows_reports(path: Path) -> None:
    packages = {i.split(".")[0] for i in imports(path)}
    assert not packages & {"reference_app", "scenarios", "tests"}
    if part(path) not in COMMANDS:
        assert "reports" not in packages
    if part(path) != "generator":
        assert not packages & {"locust", "gevent"}


@pytest.mark.parametrize("path", [p for p in modules("harness") if part(p) in PURE], ids=lambda p: p.name)
def test_the_pure_half_touches_no_clock_disk_or_network(path: Path) -> None:
    assert not {i.split(".")[0] for i in imports(path)} & WORLD


@pytest.mark.parametrize("path", modules("reports"), ids=lambda p: str(p.relative_to(ROOT)))
def test_reports_import_metric_to_verdict_only(path: Path) -> None:
    used = {i.split(".")[1] for i in imports(path) if i.startswith("harness.")}
    assert used <= {"errors", *(name for name, level in LEVEL.items() if level <= LEVEL["verdict"])}


@pytest.mark.parametrize("path", modules("reference_app"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_reference_application_knows_nothing_of_the_harness(path: Path) -> None:
    assert not {i.split(".")[0] for i in imports(path)} & {"harness", "reports", "scenarios"}


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
