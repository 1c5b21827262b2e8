"""The content of a report as strings; HTML, Markdown and text only lay it out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from harness.analysis.placebo import placebo_effects
from harness.analysis.summary import Summary
from harness.plan.checks.external import without_credentials
from harness.plan.model import ARMS, Arm
from harness.record.setup import Setup
from harness.record.trial import Migration
from harness.verdict.result import Result
from reports import formatting
from reports.formatting import FormattedValue
from reports.sections import targets
from reports.sections.answers import answer_table
from reports.sections.arrivals import arrival_table
from reports.sections.bottlenecks import bottlenecks
from reports.sections.capacity import capacity_table
from reports.sections.causes import cause_rows
from reports.sections.claims import claim_rows, claims_tally
from reports.sections.faults import fault_rows
from reports.sections.indexes import index_table
from reports.sections.migration import migration_section, sentence
from reports.sections.noise import noise_rows
from reports.sections.outcomes import minimum_effects
from reports.sections.placebo import placebo_rows, placebo_sentence
from reports.sections.query_plans import plan_table
from reports.sections.request_cost import control_sentence, key_rows, work_rows
from reports.sections.search import search_table
from reports.sections.selftest import certificate_facts, certificate_sentence
from reports.sections.servers import server_section
from reports.sections.stages import columns, stage_tables
from reports.sections.statements import statement_table
from reports.sections.steps import step_table
from reports.sections.targets import remark
from reports.sections.usage import usage_rows


class MigrationRow(NamedTuple):
    """The migration of one database; ``arm`` names all arms that use it, ``service`` is empty where it has no name."""

    arm: str
    service: str
    revision: str
    seconds: str
    indexes: tuple[str, ...]
    size_before: FormattedValue
    size_after: FormattedValue
    growth: FormattedValue


class Facts(NamedTuple):
    """A group of the setup under one heading."""

    title: str
    rows: tuple[tuple[str, str], ...]


class VerdictPage:
    """The verdict and its evidence, as a terminal shows it; ``migration`` is empty where none ran under load."""

    def __init__(self, result: Result) -> None:
        plan, summary, comparison, verdict = result.plan, result.summary, result.comparison, result.verdict
        rehearsal = result.evidence.migration
        self.name = formatting.plain(plan.name)
        self.outcome = verdict.outcome.value
        self.mark = formatting.MARKS[verdict.outcome]
        self.headline = targets.headline(verdict)
        self.tally = targets.tally(verdict)
        self.finding = targets.finding(summary, comparison)
        self.scope = targets.scope(plan, summary, comparison)
        self.targets = targets.target_rows(verdict)
        self.claims = claims_tally(verdict)
        self.answers = answer_table(verdict)
        self.steps = step_table(result.attribution)
        self.arrivals = arrival_table(plan, summary)
        self.search = search_table(plan, summary, comparison)
        self.faults = fault_rows(plan, summary)
        self.remarks = tuple(targets.remarks(verdict))
        self.breaches = tuple(remark(breach) for breach in verdict.breaches)
        self.stops = tuple(remark(stop.finding) for stop in verdict.aborts)
        self.causes = cause_rows(result.evidence.causes)
        self.migration = sentence(rehearsal) if rehearsal else ""
        self.sequential = comparison.sequential


class Page:
    """A whole report; ``selftest`` is empty without a certificate."""

    def __init__(self, result: Result) -> None:
        plan, summary, comparison, verdict = result.plan, result.summary, result.comparison, result.verdict
        evidence = result.evidence
        self.findings = VerdictPage(result)
        self.started = formatting.moment(result.setup.started)
        self.columns = columns(plan)
        self.stages = stage_tables(plan, summary, comparison, result.outcomes)
        self.capacity = capacity_table(plan, summary)
        self.noise = noise_rows(verdict, comparison.blocks)
        self.placebo = placebo_rows(placebo_effects(summary))
        self.placebo_sentence = placebo_sentence(placebo_effects(summary))
        self.usage = usage_rows(summary)
        self.server = server_section(summary)
        self.statements = statement_table(summary)
        self.migrations = tuple(_migrations(result.migrations))
        self.names_services = any(row.service for row in self.migrations)
        self.claims = claim_rows(verdict)
        self.setup = tuple(facts for facts in _setup(result) if facts.rows)
        self.migration = migration_section(evidence)
        self.bottlenecks = bottlenecks(evidence.areas)
        self.work = work_rows(evidence.request_costs, evidence.repeated)
        self.keys = key_rows(evidence.keys)
        self.control_costs = control_sentence(evidence.control_difference)
        self.indexes = index_table(evidence.databases)
        self.plans = plan_table(evidence.databases)
        self.selftest = certificate_sentence(result.certificate)
        self.plan_text = formatting.plain(result.plan_text.replace("\r\n", "\n"), keep="\n\t")
        self.minimum_effects = minimum_effects(plan.judgement)


def _migrations(migrations: Sequence[Migration]) -> Iterator[MigrationRow]:
    """A row for each database: arms with the same migration share one."""
    arms: dict[Migration, list[str]] = {}
    for migration in migrations:
        arms.setdefault(replace(migration, arm=""), []).append(migration.arm)
    yield from (_migration(names, migration) for migration, names in arms.items())


def _migration(arms: Sequence[str], migration: Migration) -> MigrationRow:
    before, after = migration.size_before_bytes, migration.size_after_bytes
    unread = "the size of the database was not read"
    grown = None if before is None or after is None or before == 0 else after / before - 1
    return MigrationRow(
        arm=formatting.plain(", ".join(arms)),
        service=formatting.plain(migration.service or ""),
        revision=formatting.plain(migration.revision or "as seeded"),
        seconds=formatting.duration(migration.seconds),
        indexes=tuple(formatting.plain(index) for index in migration.indexes_created),
        size_before=formatting.value_or(before, formatting.size, unread),
        size_after=formatting.value_or(after, formatting.size, unread),
        growth=formatting.value_or(grown, lambda share: f"{formatting.in_percent(share, sign=True)} %", unread),
    )


def _setup(result: Result) -> Iterator[Facts]:
    plan, setup, summary = result.plan, result.setup, result.summary
    yield Facts("Versions", _rows(setup.versions))
    yield Facts("Host", tuple(_host(k, v) for k, v in setup.host.items()))
    measured = {arm for order in setup.order for arm in order}
    arms = {arm: ", ".join(_arm(part)) for arm, part in plan.arms_in_order.items() if arm in measured}
    yield Facts("Arms", _rows(arms))
    profile = formatting.plain(plan.profile) if plan.profile else "none"
    yield Facts("Load of a leg", (("profile", profile), ("length", formatting.duration(plan.seconds))))
    yield Facts("Time to readiness, mean", tuple(_readiness(summary)))
    yield Facts("Data", _rows({table: f"{formatting.count(rows)} rows" for table, rows in setup.row_counts.items()}))
    yield Facts("Server settings", _rows(setup.settings))
    yield Facts("Order of legs", tuple(_order(setup)))
    yield Facts("Generator", tuple(_generator(summary)))
    yield Facts("Selftest of this machine", certificate_facts(result.certificate))
    users, data = setup.users_fingerprint, setup.seed_fingerprint or "not fingerprinted"
    prints = {"plan": setup.plan_fingerprint, "user files": users, "seeded data": data}
    yield Facts("Seeds and fingerprints", _rows({"random seed": str(setup.order_seed), **prints}))


def _arm(part: Arm) -> Iterator[str]:
    addresses = [part.url] if part.url else [f"{service} at {url}" for service, url in part.urls.items()]
    if part.revision or not addresses:
        yield f"revision {part.revision or 'as seeded'}"
    yield from (without_credentials(address) for address in addresses)
    yield from (f"{key}={value}" for key, value in part.env.items())


def _rows(facts: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((formatting.plain(key), formatting.plain(value)) for key, value in facts.items())


def _host(key: str, value: str | float) -> tuple[str, str]:
    name = formatting.plain(key.removesuffix("_bytes").replace("_", " "))
    if isinstance(value, str):
        return name, formatting.plain(value)
    if key.endswith("_bytes"):
        return name, formatting.size(int(value))
    return name, formatting.count(value) if isinstance(value, int) else formatting.number(value)


def _readiness(summary: Summary) -> Iterator[tuple[str, str]]:
    for arm in ARMS:
        row = summary.row(arm, None, None, None)
        if row and (seconds := row.value("ready_seconds")) is not None:
            yield arm, formatting.duration(seconds)


def _order(setup: Setup) -> Iterator[tuple[str, str]]:
    if setup.sequential:
        for arm, legs in groupby(setup.legs, key=lambda leg: leg.arm):
            yield formatting.plain(arm), f"sequential: legs {', '.join(str(leg.number) for leg in legs)}"
        return
    for block, order in enumerate(setup.order, start=1):
        yield f"block {block}", formatting.plain(", ".join(order))


def _generator(summary: Summary) -> Iterator[tuple[str, str]]:
    if not summary.legs:
        return
    yield "legs measured", formatting.count(len(summary.legs))
    if (processes := max(leg.processes for leg in summary.legs)) > 1:
        hosts = formatting.plural(max(leg.hosts for leg in summary.legs), "host")
        yield "load from", f"{formatting.count(processes)} processes on {hosts}; figures of the worst one below"
    yield "peak generator CPU", f"{formatting.in_percent(max(leg.cpu_share for leg in summary.legs))} % of a core"
    yield "worst scheduling delay", f"{formatting.milliseconds(max(leg.lag_p99_ms for leg in summary.legs))} (P99)"
    if lags := [leg.schedule_lag_p99_ms for leg in summary.legs if leg.schedule_lag_p99_ms is not None]:
        yield "worst delay of an arrival", f"{formatting.milliseconds(max(lags))} (P99 of the worst leg)"
    if pause := max(leg.gc_pause_ms for leg in summary.legs):
        yield "longest garbage collection", formatting.milliseconds(pause)
