"""Capacity search in a whole run: the highest arrival rate of two releases."""

import json

from tests.runs.project import PLAN, Project

SEARCH = (
    PLAN.partition("[[stages]]")[0]
    .replace('WORK = "50000"', 'WORK = "2000000"')
    .replace('WORK = "0"', 'WORK = "200000"')
    .replace("blocks = 2", "blocks = 1")
    + """
[[stages]]
kind = "sustain"
seconds = 2
rate = 5
[[stages]]
kind = "stress"
name = "capacity"
seconds = 20
search = { from = 5, to = 60, try_seconds = 2, settle_seconds = 0.5, precision = "40 %" }
[capacity]
limit = ["mean < 250 ms", "error_rate < 1 %"]
[[targets]]
expect = "rate_held >= 1"
"""
)


def test_the_search_of_both_releases_agrees_with_their_samples(project: Project) -> None:
    project.write(SEARCH)
    done = project.harness("run", "plan.toml", "--plain")
    assert "\ncapacity\n" in done.stdout
    searches = json.loads((project.recorded / "summary.json").read_text())["searches"]
    assert [(one["block"], one["arm"]) for one in searches].count((1, "before")) == 1
    assert len(searches) == 2
    for one in searches:
        assert one["tries"][0]["load"] == 5
        assert one["held"] is None or one["missed"] is None or one["held"] < one["missed"]
        loads = {tried["load"] for tried in one["tries"]}
        assert {one["held"], one["missed"]} - {None} <= loads
    verdict = json.loads((project.recorded / "verdict.json").read_text())
    assert "search_disputed" not in [breach["kind"] for breach in verdict["breaches"]]
    first = {one["arm"]: [tried["planned"] for tried in one["tries"][:1] if not tried["cut"]] for one in searches[:2]}
    counts = [count for planned in first.values() for count in planned]
    assert len(set(counts)) <= 1  # the same arrivals in both arms


def test_workers_are_refused_before_anything_is_started(project: Project) -> None:
    project.write(SEARCH)
    done = project.harness("run", "plan.toml", "--workers", "2")
    assert done.returncode == 2
    assert "a capacity search runs in one process" in done.stderr
    assert not project.out.exists()
