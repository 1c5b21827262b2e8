"""The placebo: the effect of VACUUM and ANALYZE alone is shown beside that of the migration."""

from harness.analysis.placebo import placebo_effects
from harness.analysis.summary import summarise
from harness.plan.file import parse_plan
from reports.sections.placebo import placebo_rows, placebo_sentence
from tests.doubles import PLAN, synthetic_trials

BLOCKS = PLAN.replace("blocks = 2", "blocks = 8")


def test_the_placebo_stands_beside_after() -> None:
    plan = parse_plan(BLOCKS).with_copies("placebo")
    trials = list(synthetic_trials(plan, slowness={"before": 1.0, "placebo": 0.5, "after": 0.1}))
    found = {(one.after.metric.name, one.after.endpoint): one for one in placebo_effects(summarise(trials))}
    p95 = found["p95", None]
    assert p95.placebo.change is not None
    assert p95.after.change is not None
    assert 0.4 < p95.placebo.change.value < 0.6
    assert 0.08 < p95.after.change.value < 0.12
    said = placebo_sentence(list(found.values()))
    assert said.startswith("P95 of all requests: ")
    assert " by VACUUM and ANALYZE alone, " in said
    rows = placebo_rows(list(found.values()))
    assert {row.where for row in rows} > {"all requests", "GET /content/{id}"}
    assert all(row.placebo.text.endswith("%") for row in rows)


def test_a_placebo_without_effect_is_reported_as_such() -> None:
    plan = parse_plan(BLOCKS).with_copies("placebo")
    trials = list(synthetic_trials(plan, slowness={"before": 1.0, "placebo": 1.0, "after": 0.1}))
    assert "P95 of all requests: no significant change (" in placebo_sentence(placebo_effects(summarise(trials)))


def test_without_a_placebo_the_section_is_empty() -> None:
    assert placebo_effects(summarise(list(synthetic_trials(parse_plan(PLAN))))) == ()
    assert placebo_sentence(()) == ""
