"""Tags: several endpoints under one name, judged by all of their samples together."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray

from harness.analysis.comparison import compare
from harness.analysis.noise import differences_of, floors_of
from harness.analysis.soundness import SoundnessChecks
from harness.analysis.summary import Summary, summarise
from harness.errors import PlanError
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.plan.targets import Target
from harness.record.noise import ComparisonPlace
from harness.record.outcome import Outcome
from harness.record.samples import latency_ns
from harness.record.trial import Trial
from harness.verdict.judge import Measurement, Verdict, judge
from harness.verdict.outcomes import outcomes_of
from harness.verdict.rules import check_targets
from harness.verdict.targets import Reason, RuleInputs
from reports import naming
from reports.json.run import comparison_record, summary_record, verdict_record
from tests.doubles import PLAN, synthetic_setup, synthetic_trials

READS = ("GET /content/{id}", "GET /recommendations/{user_id}")
WRITE = "POST /interactions"
TAGS = f'[tags]\nreads = ["{READS[0]}", "{READS[1]}"]\n'
SIX = PLAN.replace("blocks = 2", "blocks = 6")
TARGET = '[[targets]]\nexpect = "p95 < 300 ms"\ntag = "reads"\n'


def summary_of(plan: Plan, trials: list[Trial]) -> Summary:
    return summarise(trials, vocabulary=plan.vocabulary)


def endpoints(samples: pa.Table) -> NDArray[np.str_]:
    return np.array([str(name) for name in samples["endpoint"].to_pylist()])


def exact(trials: list[Trial], quantile: int, start: float = 4, end: float = 32) -> tuple[int, float]:
    """The requests for the endpoints of the tag that were due in between, and a percentile of those that succeeded."""
    latencies, requests = [], 0
    for trial in trials:
        samples = trial.samples
        due = samples["due_ns"].to_numpy() / 1e9
        inside = np.isin(endpoints(samples), READS) & (due >= start) & (due < end)
        good = pc.is_null(samples["error"]).to_numpy(zero_copy_only=False)
        requests += int(inside.sum())
        latencies += latency_ns(samples)[inside & good].tolist()
    ranked = sorted(latencies)
    return requests, ranked[-(-quantile * len(ranked) // 100) - 1] / 1e6


@pytest.mark.parametrize("blocks", [[1], [2], [1, 2]])
@pytest.mark.parametrize("arm", ["before", "after"])
def test_percentiles_of_a_tag_are_those_of_a_plain_sort(arm: str, blocks: list[int]) -> None:
    plan = parse_plan(PLAN + TAGS + TARGET)
    trials = list(synthetic_trials(plan, error_rate=0.03))
    row = summary_of(plan, trials).row(arm, blocks[0] if len(blocks) == 1 else None, "sustain", None, "reads")
    assert row is not None
    own = [trial for trial in trials if trial.leg.arm == arm and trial.leg.block in blocks]
    for quantile, ours in (
        (50, row.value("p50")),
        (90, row.value("p90")),
        (95, row.value("p95")),
        (99, row.value("p99")),
    ):
        assert (row.requests, ours) == exact(own, quantile)
    assert (row.endpoint, row.tag, row.seconds) == (None, "reads", 28 * len(blocks))


def test_a_tag_changes_nothing_of_what_there_is_without_it() -> None:
    plain, tagged = parse_plan(PLAN), parse_plan(PLAN + TAGS)
    trials = list(synthetic_trials(plain))
    without, summary = summary_of(plain, trials), summary_of(tagged, trials)
    assert replace(summary, tagged=()) == without
    assert without.tagged == ()
    assert {(row.stage, row.endpoint) for row in summary.tagged} == {(None, None), ("ramp", None), ("sustain", None)}
    assert replace(compare(summary), tagged=()) == compare(without)
    assert {pair.metric.name for pair in compare(summary).tagged}.isdisjoint({"database_cpu", "rate_held"})


def test_an_arm_that_was_never_asked_one_of_them_has_no_row() -> None:
    plan = parse_plan(PLAN + TAGS + TARGET)
    trials = [without(trial, READS[0]) if trial.leg.arm == "after" else trial for trial in synthetic_trials(plan)]
    summary = summary_of(plan, trials)
    assert summary.row("before", None, "sustain", None, "reads") is not None
    assert summary.row("after", None, "sustain", None, "reads") is None
    (check,) = check_targets(plan.targets[1:], RuleInputs(compare(summary)))
    assert (check.outcome, check.reason) == (Outcome.INCONCLUSIVE, Reason.NO_DATA)


def without(trial: Trial, endpoint: str) -> Trial:
    return replace(trial, samples=trial.samples.filter(pa.array(endpoints(trial.samples) != endpoint)))


def verdict_of(text: str, trials: list[Trial] | None = None, error_rate: float = 0.0) -> Verdict:
    plan = parse_plan(SIX + TAGS + text)
    examination = SoundnessChecks(plan)
    made = trials or list(synthetic_trials(plan, error_rate=error_rate))
    summary = summary_of(plan, list(examination.watched(made)))
    return judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary), statuses=examination.replies))


@pytest.mark.parametrize(
    ("expect", "outcome"),
    [
        ("p95 < 300 ms", Outcome.PASS),
        ("p95 < 20 ms", Outcome.FAIL),
        ("p95 falls by 50 %", Outcome.PASS),
        ("p95 falls by 90 %", Outcome.FAIL),
        ("error_rate < 2 %", Outcome.PASS),
        ("cache_hit_rate > 80 %", Outcome.PASS),
    ],
)
def test_a_tag_is_judged_like_an_endpoint(expect: str, outcome: Outcome) -> None:
    check = verdict_of(TARGET.replace("p95 < 300 ms", expect)).checks[1]
    assert check.outcome is outcome
    assert check.pair is not None
    assert (check.pair.endpoint, check.pair.tag) == (None, "reads")


def test_a_claim_may_speak_of_a_tag() -> None:
    (claim,) = verdict_of('[[claims]]\nid = "C"\nsays = "fast"\nexpect = ["p95 < 300 ms"]\ntag = "reads"\n').claims
    assert claim.checks[0].target.endpoints == frozenset(READS)
    assert claim.outcome.value == "confirmed"


def limited(place: str) -> str:
    return f'[[targets]]\nexpect = "error_rate < 10 %"\n{place}\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TARGET, Reason.ERRORS),  # nobody says how many of them may fail
        (TARGET + limited('tag = "reads"'), Reason.MET),
        (TARGET + limited(""), Reason.MET),
        (TARGET + limited(f'endpoint = "{READS[0]}"'), Reason.ERRORS),  # of the other one nobody does
        (TARGET.replace('tag = "reads"', f'endpoint = "{READS[0]}"') + limited('tag = "reads"'), Reason.MET),
        (TARGET.replace('tag = "reads"', f'endpoint = "{WRITE}"') + limited('tag = "reads"'), Reason.ERRORS),
    ],
)
def test_a_target_of_errors_covers_what_is_among_its_endpoints(text: str, reason: Reason) -> None:
    assert verdict_of(text, error_rate=0.05).checks[1].reason is reason


@pytest.mark.parametrize(
    ("place", "void"),
    [('tag = "reads"', True), (f'endpoint = "{READS[1]}"', True), (f'endpoint = "{WRITE}"', False), ("", True)],
)
def test_a_failed_target_of_errors_voids_what_shares_an_endpoint(place: str, *, void: bool) -> None:
    text = f"{limited(place)}{TARGET}".replace("10 %", "1 %")
    check = verdict_of(text, error_rate=0.2).checks[2]
    assert (check.reason is Reason.VOID) is void


def test_other_shares_of_its_endpoints_prove_nothing() -> None:
    plan = parse_plan(SIX + TAGS)
    trials = [thinned(trial) if trial.leg.arm == "after" else trial for trial in synthetic_trials(plan)]
    assert verdict_of(TARGET, trials).checks[1].reason is Reason.DIFFERENT_REQUESTS
    alone = TARGET.replace('tag = "reads"', f'endpoint = "{READS[1]}"')
    assert verdict_of(alone, trials).checks[1].reason is Reason.MET


def thinned(trial: Trial) -> Trial:
    """A trial with a tenth of the requests for the first of the endpoints."""
    of_first = endpoints(trial.samples) == READS[0]
    samples = trial.samples.filter(pa.array(~of_first | (np.arange(len(of_first)) % 10 == 0)))
    return replace(trial, samples=samples, generation=replace(trial.generation, requests=len(samples)))


def test_noise_of_a_tag_is_its_own() -> None:
    plan = parse_plan(PLAN + TAGS + "[arms.control]\n")
    found = floors_of(differences_of(summary_of(plan, list(synthetic_trials(plan)))))
    assert found[ComparisonPlace("p95", "sustain", None, "reads")] != found[ComparisonPlace("p95", "sustain", None)]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (TAGS + TARGET.replace("reads", "reeds"), "targets[1].tag", 'no tag "reeds"; did you mean "reads"?'),
        (TARGET, "targets[1].tag", 'no tag "reads"; the plan has none: add [tags]'),
        (TAGS + TARGET + 'endpoint = "GET /"\n', "targets[1]", "leave one out"),
        (TAGS + TARGET + TARGET, "targets[2]", "repeats targets[1]"),
        (TAGS + TARGET.replace("p95 < 300 ms", "ready_seconds < 3 s"), "targets[1].tag", "leave tag out"),
        ("[tags]\nreads = []\n", "tags.reads", "at least 1"),
        ('[tags]\nreads = ["GET /", "GET /"]\n', "tags.reads", "listed twice"),
        ('[tags]\nreads = "GET /"\n', "tags.reads", "got 'GET /'"),
        (TAGS + '[[aborts]]\nwhen = "p90 > 1 s for 10 s"\ntag = "reads"\n', "aborts[0].tag", "unknown key"),
        (
            TAGS + '[[claims]]\nid = "C"\nsays = "x"\nexpect = ["p95 < 3 s"]\ntag = "red"\n',
            "claims[0].tag",
            'did you mean "reads"?',
        ),
        (
            TAGS + '[[claims]]\nid = "C"\nsays = "x"\nunmeasured = "y"\ntag = "reads"\nendpoint = "z"\n',
            "claims[0]",
            "leave one out",
        ),
    ],
)
def test_tags_that_say_nothing(text: str, where: str, what: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_plan(PLAN + text)
    assert [problem for problem in caught.value.problems if problem.where == where and what in problem.what]


def test_it_is_shown_as_what_it_is() -> None:
    target = parse_plan(PLAN + TAGS + TARGET).targets[1]
    assert naming.target_name(target) == "p95 < 300 ms (reads (2 endpoints))"
    assert naming.where(target) == "all stages except ramps · reads (2 endpoints)"
    assert naming.where(Target(expect="p95 < 3 s")) == "all stages except ramps · all requests"


def test_records_keep_it_apart_from_endpoints() -> None:
    plan = parse_plan(PLAN + TAGS + TARGET)
    summary = summary_of(plan, list(synthetic_trials(plan)))
    comparison = compare(summary)
    record = summary_record(summary)
    assert not [row for row in record["rows"] if "tag" in row]
    assert {(row["endpoint"], row["tag"]) for row in record["tagged"]} == {(None, "reads")}
    compared = comparison_record(comparison, outcomes_of(comparison, plan.judgement))
    assert not [pair for pair in compared["pairs"] if "tag" in pair]
    assert {pair["tag"] for pair in compared["tagged"]} == {"reads"}
    checks = verdict_record(judge(Measurement(plan, synthetic_setup(plan), summary, comparison)))["checks"]
    assert [check.get("tag") for check in checks] == [None, "reads"]
