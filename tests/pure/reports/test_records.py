"""What machines read."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.metrics import METRICS, Origin
from harness.statistics.intervals import Interval
from harness.verdict.judge import Verdict
from reports.json import run as records
from reports.json.fields import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.pure.reports.conftest import Run


NAMES = ("summary.json", "comparison.json", "verdict.json")


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


@pytest.mark.parametrize("name", ["verdict.json"])
def test_the_record_as_recorded(usual: Run, golden: Callable[[str, str], None], name: str) -> None:
    golden(name, usual.undrawn[name])


@pytest.mark.parametrize("name", ["opened", "searched", "stressed", "struck"])
def test_rows_and_pairs_as_recorded(
    request: pytest.FixtureRequest, golden: Callable[[str, str], None], name: str
) -> None:
    """Keys and values of whole legs and arms, and of one endpoint; the order of keys and of metrics is free."""
    run: Run = request.getfixturevalue(name)
    summary, comparison = (json.loads(run.undrawn[file]) for file in ("summary.json", "comparison.json"))
    endpoints = {None, "GET /content/{id}"}
    items = [row for row in summary["rows"] if not row["stage"] and row["endpoint"] in endpoints]
    pairs = [pair for pair in comparison["pairs"] if not pair["stage"] and not pair["endpoint"]]
    items += sorted(pairs, key=lambda pair: str(pair["metric"]))
    golden(f"records-{name}.jsonl", "".join(f"{json.dumps(item, sort_keys=True)}\n" for item in items))


@pytest.mark.parametrize("name", NAMES)
def test_every_record_is_json_of_schema_1_without_nan(awkward: Run, name: str) -> None:
    def refused(constant: str) -> float:
        raise AssertionError(constant)

    assert json.loads(awkward.undrawn[name], parse_constant=refused)["schema"] == 1


def test_rows_are_not_rounded_and_missing_is_null(usual: Run) -> None:
    rows = json.loads(usual.undrawn["summary.json"])["rows"]
    for row, expected in zip(rows, usual.summary.rows, strict=True):
        for metric in METRICS.values():
            if metric.origin is not Origin.MIGRATION_UNDER_LOAD:
                assert row[metric.key] == expected.value(metric.name)
        for name in ("arm", "block", "stage", "endpoint", "requests", "failures", "hits", "lookups", "seconds"):
            assert row[name] == getattr(expected, name)
    assert any(row["cache_hit_rate"] is None for row in rows)
    assert {"arm", "block", "stage", "endpoint", "requests", "failures", "p50_ms", "p95_ms", "p99_ms", "max_ms", "rps",
            "error_rate", "cache_hit_rate"} <= set(rows[0])  # fmt: skip


def test_a_check_has_its_numbers_its_reason_and_its_caveats(usual: Run) -> None:
    check = json.loads(usual.undrawn["verdict.json"])["checks"][0]
    pair = usual.verdict.checks[0].pair
    assert pair is not None
    assert pair.change is not None
    assert (check["before"], check["after"]) == (pair.before, pair.after)
    assert check["change"]["ratio"] == pair.change.value
    assert check["change"]["difference"] is None
    assert check["reason"] == "the whole interval meets the target"
    assert [caveat["kind"] for caveat in check["caveats"]] == ["descriptive"]
    assert set(check["caveats"][0]) == {"kind", "what", "advice"}


def test_a_change_in_points_is_a_difference(usual: Run) -> None:
    checks = json.loads(usual.undrawn["verdict.json"])["checks"]
    change = next(check["change"] for check in checks if check["expect"].startswith("cache"))
    assert change["scale"] == "points"
    assert change["ratio"] is None
    assert 0.6 < change["difference"] < 0.7


def test_breaches_are_recorded(awkward_runs: dict[str, Run]) -> None:
    record = json.loads(awkward_runs["nothing measured"].undrawn["verdict.json"])
    assert [breach["kind"] for breach in record["breaches"]] == ["no_block"]


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_becomes_null(usual: Run, broken: float) -> None:
    check = usual.verdict.checks[0]
    assert check.pair is not None
    pair = replace(check.pair, before=broken, after_interval=Interval(1.0, 0.5, broken))
    verdict = Verdict(usual.verdict.outcome, (replace(check, pair=pair),), (), (), ())
    record = records.verdict_record(verdict)
    assert record["checks"][0]["before"] is None
    assert record["checks"][0]["after_interval"] == {"low": 0.5, "high": None}
    assert json.loads(to_json(record)) == record


def test_there_is_one_line_per_item(usual: Run) -> None:
    text = usual.undrawn["summary.json"]
    assert len(text.splitlines()) == len(usual.summary.rows) + len(usual.summary.legs) + 12


def test_all_leaves_are_plain(awkward: Run) -> None:
    for name in NAMES:
        for leaf in leaves(json.loads(awkward.undrawn[name])):
            assert leaf is None or isinstance(leaf, str | int | float)
