"""Runs to render: synthetic trials of every awkward kind, summarised, compared and judged as in the product."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import reports
from harness.analysis.comparison import Comparison, compare
from harness.analysis.steps import Attribution, attribute
from harness.analysis.summary import Summary, summarise
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.setup import Setup
from harness.record.trial import Migration, Trial
from harness.verdict.arrivals import stages_lacking_arrivals
from harness.verdict.judge import Measurement, Verdict, judge
from harness.verdict.outcomes import Outcomes, outcomes_of
from harness.verdict.result import Result
from reports.charts.paper import Chart
from reports.html import Pictures
from reports.page import Page, VerdictPage
from tests.doubles import synthetic_setup, synthetic_trials
from tests.pure.verdict.searching import searching

PLAN = """
schema = 1
name = "Synthetic: performance migration"
[environment]
kind = "local"
provides = ["postgres", "redis"]
migrate = "migrate {revision}"
serve = "serve {port}"
[arms.before]
revision = "0001"
[arms.after]
revision = "head"
env = { RELEASE = "optimized" }
[load]
users = ["users.py"]
blocks = 4
[[stages]]
kind = "ramp"
seconds = 5
users = 10
[[stages]]
kind = "peak"
seconds = 20
users = 30
warmup_seconds = 2
[[stages]]
kind = "sustain"
seconds = 40
users = 20
"""
TARGETS = """
[[targets]]
expect = "p95 < 300 ms"
stage = "sustain"
claim = "S1"
[[targets]]
expect = "p50 falls by 70 %"
endpoint = "GET /recommendations/{user_id}"
[[targets]]
expect = "p95 falls by 80 %"
[[targets]]
expect = "p99 rises by at most 5 % and 2 ms"
[[targets]]
expect = "cache_hit_rate > 80 %"
[[targets]]
expect = "error_rate < 0.1 %"
[[targets]]
expect = "error_rate < 0.01 %"
"""
CHAIN = """
[attribution]
steps = [
    { name = "indexes", revision = "head" },
    { name = "queries", env = { RELEASE = "queries" } },
    { name = "cache", env = { RELEASE = "queries,cache" } },
    { name = "pool", env = { RELEASE = "queries,cache,pool" } },
    { name = "breaker", env = { RELEASE = "optimized" } },
]
"""
SLOWNESS = {"before": 1.0, "indexes": 0.85, "queries": 0.3, "cache": 0.12, "pool": 0.15, "after": 0.15}
STRESS = """
[[stages]]
kind = "stress"
name = "50 users"
seconds = 20
users = 50
[[stages]]
kind = "stress"
name = "200 users"
seconds = 20
users = 200
[[stages]]
kind = "stress"
name = "500 users"
seconds = 20
users = 500
[capacity]
limit = ["p95 < 700 ms", "error_rate < 1 %"]
"""
FACTS = """
[[targets]]
expect = "users_held >= 500"
[[targets]]
expect = "users_held rises by 900 %"
[[targets]]
expect = "hit_p50 falls by 50 %"
stage = "sustain"
[[targets]]
expect = "db_ms_per_miss falls by 80 %"
[[targets]]
expect = "ready_seconds < 10 s"
[[targets]]
expect = "indexes_created >= 40"
[[targets]]
expect = "migration_seconds < 60 s"
"""
MIGRATIONS = (
    Migration("before", "0001", 0.42),
    Migration("after", "head", 48.2, ("ix_interactions_user", "ix_content_tags_tag"), 300 * 2**20, 412 * 2**20),
)

OPEN = (
    PLAN
    .replace("seconds = 5\nusers = 10", "seconds = 5\nrate = 10")
    .replace("seconds = 20\nusers = 30", "seconds = 20\nrate = 30")
    .replace("seconds = 40\nusers = 20", "seconds = 40\nrate = 100\nusers = 200")
)  # fmt: skip
RATES = """
[[stages]]
kind = "stress"
name = "50 a second"
seconds = 20
rate = 50
[[stages]]
kind = "stress"
name = "a few more"
seconds = 20
rate = 62.5
[capacity]
limit = ["p95 < 700 ms", "error_rate < 1 %"]
[[targets]]
expect = "rate_held >= 60"
[[targets]]
expect = "rate_held rises by 20 %"
[[targets]]
expect = "service_p95 < 300 ms"
stage = "sustain"
[[targets]]
expect = "p95 falls by 80 %"
"""
SEQUENTIAL = (
    PLAN
    .replace('kind = "local"\nprovides = ["postgres", "redis"]\nmigrate = "migrate {revision}"\nserve = "serve {port}"',
             'kind = "external"\nsequential = true')
    .replace('revision = "0001"', 'url = "${OLD}/api"')
    .replace('revision = "head"', 'revision = "v2"\nurl = "${NEW}"')
)  # fmt: skip
STRUCK = (
    PLAN.replace('kind = "local"', 'kind = "local"\nmetrics = { read = ["breaker_open"] }')
    + """
[[faults]]
at = "sustain+10 s"
kind = "kill"
service = "postgres"
seconds = 5
signal = "breaker_open"
[[faults]]
at = "sustain+25 s"
kind = "pause"
service = "redis"
seconds = 2
[[targets]]
expect = "recovery_seconds < 20 s"
claim = "S1.21"
[[targets]]
expect = "recovery_seconds < 2 s"
[[targets]]
expect = "detection_seconds < 5 s"
[[targets]]
expect = "recovery_seconds rises by at most 5 % and 8 s"
"""
)
GOLDEN = Path(__file__).parents[1] / "golden"


@dataclass(frozen=True)
class Run:
    """All that a report is made from."""

    plan: Plan
    plan_text: str
    setup: Setup
    migrations: tuple[Migration, ...]
    summary: Summary
    comparison: Comparison
    verdict: Verdict
    attribution: Attribution | None

    @cached_property
    def outcomes(self) -> Outcomes:
        verdict = self.verdict
        judged = (self.comparison, self.plan.judgement, self.plan.targets)
        return outcomes_of(*judged, incomplete_stages=stages_lacking_arrivals(self.summary), valid=not verdict.breaches)

    @cached_property
    def result(self) -> Result:
        return Result(
            self.plan,
            self.plan_text,
            self.setup,
            self.migrations,
            self.summary,
            self.comparison,
            self.verdict,
            self.outcomes,
            attribution=self.attribution,
        )

    def render(self) -> dict[str, str]:
        return reports.render(self.result)

    def text(self, width: int = 120, *, ascii_only: bool = False, colour: bool = False) -> str:
        return reports.text(self.result, width=width, ascii_only=ascii_only, colour=colour)

    @cached_property
    def files(self) -> dict[str, str]:
        return self.render()

    @cached_property
    def pictures(self) -> Pictures:
        return Pictures(self.result)

    @property
    def report(self) -> str:
        """``report.html`` without its glossary and the links to it."""
        return unlinked(self.undrawn["report.html"])

    @cached_property
    def undrawn(self) -> dict[str, str]:
        """Every file, the report with empty pictures."""
        return render_undrawn(self.result)

    @cached_property
    def page(self) -> Page:
        return Page(self.result)

    @property
    def findings(self) -> VerdictPage:
        return self.page.findings


def render_undrawn(result: Result) -> dict[str, str]:
    """The files of a run, the report with empty pictures: to draw them takes most of the time."""
    with patch("reports.charts.paper.draw", lambda name, title, *_: Chart(name, title, '<svg class="undrawn"></svg>')):
        return reports.render(result)


def unlinked(html: str) -> str:
    """A report without its glossary and the links to it."""
    html = re.sub(r'<section class="prose glossary">.*?</section>', "", html, flags=re.DOTALL)
    return re.sub(r'<a class="term"[^>]*>(.*?)</a>', r"\1", html)


def make_run(
    plan_text: str,
    trials: Iterable[Trial] | None = None,
    *,
    change: float = 0.25,
    errors: float = 0.0,
    profile: str | None = None,
) -> Run:
    plan = parse_plan(plan_text, profile=profile)
    measured = list(synthetic_trials(plan, change=change, error_rate=errors) if trials is None else trials)
    faults = [fault for _, fault in plan.planned_faults]
    summary, setup = summarise(measured, MIGRATIONS, plan.limits, faults), synthetic_setup(plan)
    comparison = compare(summary, sequential=setup.sequential)
    verdict = judge(Measurement(plan, setup, summary, comparison))
    return Run(plan, plan_text, setup, MIGRATIONS, summary, comparison, verdict, attribute(plan, summary))


def make_steps() -> Run:
    """A run with five steps, of which the fourth makes it worse and the fifth does nothing."""
    text = PLAN + TARGETS + CHAIN
    run = make_run(text, synthetic_trials(parse_plan(text), slowness=SLOWNESS))
    shared = (replace(MIGRATIONS[1], arm=arm) for arm in list(run.plan.arms_in_order)[1:])
    return replace(run, migrations=(MIGRATIONS[0], *shared))


def make_dark_steps() -> Run:
    """A run whose steps are undecided: one without requests, ratios of zero, metrics with too few samples."""
    metrics = 'metrics = ["p99", "p50", "queries_per_request", "mean"]'
    text = PLAN + TARGETS + CHAIN.replace("steps =", f"{metrics}\nsteps =")
    silent = [empty(trial) if trial.leg.arm == "queries" else trial for trial in synthetic_trials(parse_plan(text))]
    column = silent[0].samples.schema.get_field_index("queries")
    free = [
        _with_column(trial, column, pa.array(np.zeros(len(trial.samples)))) if trial.leg.arm == "after" else trial
        for trial in silent
    ]
    return make_run(text, free)


def with_endpoints(trials: Iterable[Trial], names: list[str]) -> list[Trial]:
    """The same trials over other endpoints, their requests dealt out in turn."""
    changed = []
    for trial in trials:
        column = trial.samples.schema.get_field_index("endpoint")
        dealt = pa.array([names[i % len(names)] for i in range(len(trial.samples))])
        changed.append(_with_column(trial, column, dealt))
    return changed


def empty(trial: Trial) -> Trial:
    """The same leg, had its users never sent anything."""
    return replace(trial, samples=trial.samples.slice(0, 0), generation=replace(trial.generation, requests=0))


def uncounted(trial: Trial) -> Trial:
    """The same leg, recorded by a harness that did not count arrivals."""
    return replace(trial, generation=replace(trial.generation, offered=(), schedule_lag_p99_ms=None, gc_pause_ms=0.0))


def saturated(trials: Iterable[Trial], holds: dict[str, int]) -> list[Trial]:
    """The same trials, ten times as slow wherever an arm has more users than it holds."""
    return [_saturated(trial, holds[trial.leg.arm]) for trial in trials]


def _saturated(trial: Trial, holds: int) -> Trial:
    due, duration = (trial.samples[name].to_numpy() for name in ("due_ns", "duration_ns"))
    slow = np.zeros(len(due), dtype=bool)
    for window in trial.generation.windows:
        slow |= (due >= window.start * 1e9) & (due < window.end * 1e9) & (window.users > holds)
    column = trial.samples.schema.get_field_index("duration_ns")
    return _with_column(trial, column, pa.array(np.where(slow, duration * 10, duration)))


def without_endpoint(trials: Iterable[Trial], endpoint: str, arm: str) -> list[Trial]:
    """The same trials as if one arm were never asked for an endpoint."""
    return [_without(trial, endpoint) if trial.leg.arm == arm else trial for trial in trials]


def _without(trial: Trial, endpoint: str) -> Trial:
    others = pc.not_equal(trial.samples["endpoint"], pa.scalar(endpoint))
    return replace(trial, samples=trial.samples.filter(others))


def all_failing(trials: Iterable[Trial], arm: str) -> list[Trial]:
    """The same trials, every request of one arm failed."""
    return [
        _with_column(t, t.samples.schema.get_field_index("error"), pa.array(np.full(len(t.samples), "HTTP 500")))
        if t.leg.arm == arm
        else t
        for t in trials
    ]


def _with_column(trial: Trial, column: int, values: "pa.Array[Any]") -> Trial:
    field = trial.samples.schema.field(column)
    return replace(trial, samples=trial.samples.set_column(column, field, values.cast(field.type)))


HOSTILE = (
    '<script>alert("x")</script>',
    "GET /a|b`c`*d*_e_[f](g)&amp;",
    "GET /$x^2$ и 日本語 中文/é",
    "GET /\x1b[31mred\x00\x85\u202egnp.exe",
    "GET /" + "long-" * 60,
)


@pytest.fixture(scope="session")
def run_of() -> Callable[..., Run]:
    return make_run


@pytest.fixture(scope="session")
def plan_text() -> str:
    """A plan without targets."""
    return PLAN


@pytest.fixture(scope="session")
def golden() -> Callable[[str, str], None]:
    """Compares a text with the file of that name; REGENERATE_GOLDEN=1 writes the file instead, to be read and kept."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("REGENERATE_GOLDEN") == "1":
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{name} differs; REGENERATE_GOLDEN=1 accepts the new one"

    return check


@pytest.fixture(scope="session")
def usual() -> Run:
    return make_run(PLAN + TARGETS)


@pytest.fixture(scope="session")
def steps() -> Run:
    return make_steps()


def frozen(trial: Trial, start: float = 40.0, seconds: float = 3.0) -> Trial:
    """The same leg, had the service stood still: what came meanwhile waited, and the last forty never began."""
    due = trial.samples["due_ns"].to_numpy()
    inside = (due >= start * 1e9) & (due < (start + seconds) * 1e9)
    column = trial.samples.schema.get_field_index("sent_ns")
    sent = np.where(inside, (start + seconds) * 1e9, trial.samples["sent_ns"].to_numpy())
    offered = tuple(
        replace(o, planned=o.planned + 40, late=int(inside.sum()), most_users=200) if o.stage == "sustain" else o
        for o in trial.generation.offered
    )
    held_up = _with_column(trial, column, pa.array(sent.astype(np.int64)))
    return replace(held_up, generation=replace(trial.generation, offered=offered))


@pytest.fixture(scope="session")
def opened() -> Run:
    """An open plan whose service stood still for 3 s in each leg of before, and which holds 50/s before."""
    trials = synthetic_trials(parse_plan(OPEN + RATES))
    return make_run(OPEN + RATES, [_slow_in(frozen(t), "a few more") if t.leg.arm == "before" else t for t in trials])


def _slow_in(trial: Trial, stage: str) -> Trial:
    due, duration = (trial.samples[name].to_numpy() for name in ("due_ns", "duration_ns"))
    (window,) = (window for window in trial.generation.windows if window.stage == stage)
    slow = (due >= window.start * 1e9) & (due < window.end * 1e9)
    column = trial.samples.schema.get_field_index("duration_ns")
    return _with_column(trial, column, pa.array(np.where(slow, duration * 10, duration)))


def struck_trial(trial: Trial, until: float) -> Trial:
    """The same leg, had its database been killed 35 s into it for 5 s: failing ``until`` then; a breaker for after."""
    due = trial.samples["due_ns"].to_numpy() / 1e9
    failing = (due >= 35.5) & (due < until)
    column = trial.samples.schema.get_field_index("error")
    failed = _with_column(trial, column, pa.array(["HTTP 503" if one else None for one in failing]))
    rows = [(35.0, "postgres", "fault_kill", 1.0), (40.0, "postgres", "fault_kill", 0.0)]
    rows += [(50.0, "redis", "fault_pause", 1.0), (52.0, "redis", "fault_pause", 0.0)]
    opens = 1.0 if trial.leg.arm == "after" else 0.0
    rows += [(at, "service", "breaker_open", opens * (37 <= at < until)) for at in range(25, 65)]
    at, sources, names, values = zip(*sorted(rows), strict=True)
    table = {"at_ns": [round(second * 1e9) for second in at], "source": sources, "name": names, "value": values}
    return replace(failed, readings=pa.table(table))


@pytest.fixture(scope="session")
def struck() -> Run:
    """A database killed for 5 s: before is well a second after it is back, in one leg two, after takes 5 s."""
    ends = {"before": 41.0, "after": 45.0}
    trials = synthetic_trials(parse_plan(STRUCK))
    return make_run(STRUCK, [struck_trial(t, ends[t.leg.arm] + (t.leg.number == 2)) for t in trials])


@pytest.fixture(scope="session")
def never_well() -> Run:
    """The same database, after which after fails until the load is over."""
    trials = synthetic_trials(parse_plan(STRUCK))
    return make_run(STRUCK, [struck_trial(t, 41.0 if t.leg.arm == "before" else 65.0) for t in trials])


@pytest.fixture(scope="session")
def stressed() -> Run:
    """A run that asks how many users are held: 50 before, 500 or more after."""
    plan = parse_plan(PLAN + STRESS)
    trials = synthetic_trials(plan)
    return make_run(PLAN + STRESS + FACTS, saturated(trials, {"before": 50, "after": 500}))


@pytest.fixture(scope="session")
def sequential() -> Run:
    """A system that runs already, all legs of before first."""
    return replace(make_run(SEQUENTIAL + TARGETS), migrations=())


class Awkward(dict[str, Run]):
    """Runs by name, each made when it is first asked for."""

    def __init__(self, makers: dict[str, Callable[[], Run]]) -> None:
        super().__init__()
        self.makers = makers

    def __missing__(self, name: str) -> Run:
        return self.setdefault(name, self.makers[name]())


def _awkward() -> Awkward:
    plan = parse_plan(PLAN)
    trials, stress = list(synthetic_trials(plan)), parse_plan(PLAN + STRESS)
    many_stages = "".join(f'[[stages]]\nkind="sustain"\nname="s{i}"\nseconds=6\nusers={i + 1}\n' for i in range(12))
    head = PLAN.split("[[stages]]", maxsplit=1)[0]
    few = head + '[[stages]]\nkind="peak"\nseconds=2\nusers=3\n'
    return Awkward(
        {
            "no targets": lambda: make_run(PLAN),
            "one block": lambda: make_run((PLAN + TARGETS).replace("blocks = 4", "blocks = 1")),
            "nothing measured": lambda: make_run(PLAN + TARGETS, []),
            "no request": lambda: make_run(PLAN + TARGETS, [empty(t) for t in trials]),
            "one arm only": lambda: make_run(
                PLAN + TARGETS, without_endpoint(trials, "GET /recommendations/{user_id}", "before")
            ),
            "many errors": lambda: make_run(PLAN + TARGETS, errors=0.3),
            "one arm fails": lambda: make_run(PLAN + TARGETS, all_failing(trials, "after")),
            "both arms fail": lambda: make_run(PLAN + TARGETS, all_failing(all_failing(trials, "after"), "before")),
            "thirty endpoints": lambda: make_run(
                PLAN + TARGETS, with_endpoints(trials, [f"GET /endpoint/{i}" for i in range(30)])
            ),
            "twelve stages": lambda: make_run(head + many_stages + TARGETS.replace('"sustain"', '"s3"')),
            "few samples": lambda: make_run(few + TARGETS.replace('stage = "sustain"', "")),
            "none held": lambda: make_run(
                PLAN + STRESS + FACTS, saturated(synthetic_trials(stress), {"before": 0, "after": 49})
            ),
            "all held": lambda: make_run(PLAN + STRESS + FACTS),
            "sequential, one leg each": lambda: make_run((SEQUENTIAL + TARGETS).replace("blocks = 4", "blocks = 1")),
            "sequential and silent": lambda: make_run(SEQUENTIAL + TARGETS, [empty(t) for t in trials]),
            "slower": lambda: make_run(PLAN + TARGETS, change=40.0),
            "same": lambda: make_run(PLAN + TARGETS, change=1.0),
            "steps in the dark": make_dark_steps,
            "open and silent": lambda: make_run(
                OPEN + RATES, [empty(t) for t in synthetic_trials(parse_plan(OPEN + RATES))]
            ),
            "open and uncounted": lambda: make_run(
                OPEN + RATES, [uncounted(t) for t in synthetic_trials(parse_plan(OPEN + RATES))]
            ),
            "hostile": lambda: make_run(
                PLAN.replace("Synthetic: performance migration", r"<b>&\"quoted\"</b> | `x` ]]>")
                + TARGETS.replace('"GET /rec', r'"GET /\u001b<i>rec')
                + '[[targets]]\nexpect = "p95 < 300 ms"\nendpoint = "GET /'
                + "推薦" * 30
                + '"\n',
                with_endpoints(trials, list(HOSTILE)),
            ),
        }
    )


AWKWARD = (
    "no targets", "one block", "nothing measured", "no request", "one arm only", "many errors", "one arm fails",
    "both arms fail", "thirty endpoints", "twelve stages", "few samples", "none held", "all held", "slower", "same",
    "hostile", "steps in the dark", "open and silent", "open and uncounted",
    "sequential, one leg each", "sequential and silent",
)  # fmt: skip


@pytest.fixture(scope="session")
def awkward_runs() -> dict[str, Run]:
    return _awkward()


@pytest.fixture(params=AWKWARD)
def awkward(request: pytest.FixtureRequest, awkward_runs: dict[str, Run]) -> Run:
    return awkward_runs[str(request.param)]


@pytest.fixture(scope="session")
def hostile(awkward_runs: dict[str, Run]) -> Run:
    return awkward_runs["hostile"]


SEARCH = (
    PLAN.partition("[[stages]]")[0]
    + """
[[stages]]
kind = "sustain"
seconds = 40
rate = 20
[[stages]]
kind = "stress"
name = "capacity"
seconds = 120
search = { from = 20, to = 1000 }
[capacity]
limit = ["p95 < 300 ms", "error_rate < 1 %"]
[[targets]]
expect = "rate_held rises by 300 %"
[[targets]]
expect = "rate_held >= 300"
"""
)
SPREAD = {1: 0.96, 2: 1.03, 3: 1.0, 4: 0.99}


@pytest.fixture(scope="session")
def searched() -> Run:
    """A run that searched for the capacity of both arms."""
    plan = parse_plan(SEARCH)
    legs = searching(plan, lambda leg: (31 if leg.arm == "before" else 420) * SPREAD[leg.block])
    return make_run(SEARCH, legs)


@pytest.fixture(scope="session")
def unsearched() -> Run:
    """A run of which no leg of after missed anything, and no leg of before held anything."""
    return make_run(SEARCH, searching(parse_plan(SEARCH), lambda leg: 5 if leg.arm == "before" else 5000))
