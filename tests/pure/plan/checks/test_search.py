"""Searches that cannot be made are refused with their key and what to do."""

from __future__ import annotations

import pytest

from harness.errors import PlanError
from harness.plan.file import parse_plan

PLAN = """
schema = 1
name = "search"
[environment]
kind = "local"
serve = "serve {port}"
[arms.before]
[arms.after]
[load]
users = ["users.py"]
[[stages]]
kind = "sustain"
seconds = 10
rate = 20
[[stages]]
kind = "stress"
name = "capacity"
seconds = 60
search = { from = 20, to = 400 }
[capacity]
limit = ["p95 < 300 ms", "error_rate < 1 %"]
[[targets]]
expect = "rate_held >= 100"
"""
FAULT = '[[faults]]\nkind = "kill"\nservice = "service"\nat = "capacity+5 s"\nseconds = 1\n'


def test_a_search_has_what_it_needs_by_default() -> None:
    plan = parse_plan(PLAN)
    stage = plan.searched
    assert stage is not None
    assert stage.search is not None
    search = stage.search
    assert (search.try_seconds, search.settle_seconds, search.precision, search.confirm) == (8, 2, 0.05, True)
    assert (stage.rate, stage.users) == (400, 4000)
    assert plan.open


def test_a_profile_scales_the_time_of_a_search_and_not_its_tries() -> None:
    plan = parse_plan(PLAN + "[profiles.quick]\ntime = 0.5\n", profile="quick")
    stage = plan.searched
    assert stage is not None
    assert stage.search == parse_plan(PLAN).stages[-1].search
    assert stage.seconds == 30


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "stress"', 'kind = "peak"', 'stages[1]: search: only a stage of kind "stress" has one'),
        ("to = 400", "to = 10", "stages[1].search: from (20) has to be less than to (10)"),
        (", to = 400", "", "stages[1].search.to: missing"),
        ("from = 20, ", "", "stages[1].search.from: missing"),
        ("to = 400", "to = 400, trysecs = 4", 'stages[1].search.trysecs: unknown key; did you mean "try_seconds"?'),
        ("to = 400", 'to = 400, precision = "near"', '"near" is no share; say how near is near enough, as in "5 %"'),
        ("to = 400", 'to = 400, precision = "0.1 %"', "stages[1].search.precision"),
        ("seconds = 60", "seconds = 15", "seconds (15) leave no time for two tries; say 20 or more"),
        ("seconds = 60", "seconds = 60\nrate = 100", "rate: a search tries rates up to its to; leave rate out"),
        ("seconds = 60", "seconds = 60\nwarmup_seconds = 5", "a search has settle_seconds for each try"),
        (
            '[capacity]\nlimit = ["p95 < 300 ms", "error_rate < 1 %"]\n',
            "",
            "a search needs to know when a rate is held",
        ),
        ("[capacity]", '[[stages]]\nkind = "peak"\nseconds = 9\nrate = 9\n[capacity]', "has to be the last stage"),
        ('kind = "sustain"', 'kind = "stress"', "stages[0]: a plan with a search has no other stress stage"),
        ('kind = "sustain"', 'kind = "ramp"', 'before it, add a stage of kind "sustain" at a rate that both arms hold'),
        (
            "error_rate < 1 %",
            "cache_hit_rate > 50 %",
            "capacity.limit[1]: a search cannot go by cache_hit_rate; it can by",
        ),
        ("p95 <", "p99 <", "8 s at 20 a second are fewer than the 299 requests that p99 needs; say 15 or more"),
        ('["users.py"]', '["users.py"]\nprocesses = 2', "load.processes: a search needs a single process"),
        (
            "[capacity]",
            f"{FAULT}[capacity]",
            "faults[0].at: a fault in a search would reduce the capacity that is found",
        ),
        (
            '"rate_held >= 100"',
            '"p95 < 1 s"\nstage = "capacity"',
            "targets[0].stage: a search tries other rates in each arm",
        ),
        ("rate_held >= 100", "rate_held >= 500", "the largest load that the search tries is 400 req/s; raise its to"),
        ("rate = 20", "users = 20", "say rate in all stages of a plan or in none"),
    ],
)
def test_what_cannot_be_searched_is_refused(old: str, new: str, said: str) -> None:
    text = PLAN.replace(old, new, 1)
    with pytest.raises(PlanError) as refused:
        parse_plan(text)
    assert said in "\n".join(map(str, refused.value.problems)) + str(refused.value)


def test_a_search_has_no_aborts() -> None:
    """It goes beyond limits on purpose, and does not end when it was planned to."""
    with pytest.raises(PlanError, match=r"aborts\[0\]: a search goes beyond every limit"):
        parse_plan(PLAN + '[[aborts]]\nwhen = "rps < 1 for 5 s"\n')
