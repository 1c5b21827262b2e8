"""Plans, services and user files that measure nothing and could still pass, and the outcome of each.

``docs/guards.md`` shows this table; the tests of plans, of recorded trials and of real runs go through it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from harness.record.executions import executions_of
from harness.record.samples import SCHEMA as SAMPLES
from harness.record.trial import Trial
from tests.doubles import PLAN, READINGS

TARGET = 'expect = "p95 falls by 50 %"'
Spoil = Callable[[Trial], Trial]


@dataclass(frozen=True, slots=True)
class Refused:
    """A plan that is refused: ``old`` in the example plan becomes ``new``."""

    way: str
    old: str
    new: str
    says: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A measurement that is judged: trials of the example plan, its only target being ``expect``, spoilt."""

    way: str
    outcome: str
    says: str
    expect: str = "p95 < 10 s"
    spoil: Spoil = lambda trial: trial
    stage: str = ""
    blocks: int = 2
    change: float = 0.25
    plan: str = PLAN


@dataclass(frozen=True, slots=True)
class Run:
    """A user file or a service that a real run is made with: ``users`` and ``service`` replace parts of small ones."""

    way: str
    outcome: str
    says: str
    users: tuple[str, str] = ("", "")
    service: tuple[str, str] = ("", "")
    expect: str = "p95 < 10 s"


def expects(text: str) -> tuple[str, str]:
    """Another target in the place of the plan's."""
    return TARGET, f'expect = "{text}"'


REFUSED = (
    Refused("no stages", PLAN[PLAN.index("[[stages]]") : PLAN.index("[[targets]]")], "", "stages: missing"),
    Refused("a stage of zero seconds", "seconds = 30", "seconds = 0", "stages[1].seconds"),
    Refused("a stage without users", "users = 10", "users = 0", "stages[1].users"),
    Refused("only ramps", 'kind = "sustain"', 'kind = "ramp"\nname = "sustain"', "never summarised"),
    Refused(
        "a placebo without a database to vacuum", "[arms.after]", "[arms.placebo]\n[arms.after]", "starts no database"
    ),
    Refused(
        "a warm-up as long as its stage", "warmup_seconds = 2", "warmup_seconds = 30", "leaves nothing of the stage"
    ),
    Refused(
        "a target in a stage that is misspelt", 'stage = "sustain"', 'stage = "sustian"', 'did you mean "sustain"?'
    ),
    Refused("a metric that is misspelt", *expects("p59 < 1 s"), 'nothing measures "p59"'),
    Refused("a metric in lookalike letters", *expects("р95 < 1 s"), "nothing measures"),  # noqa: RUF001
    Refused("a limit in lookalike digits", *expects("p95 < ３０ ms"), "looks like another"),  # noqa: RUF001
    Refused(
        "a stage name that looks like another",
        'kind = "sustain"',
        'kind = "sustain"\nname = "sustаin"',  # noqa: RUF001
        "mixes letters that look alike",
    ),
    Refused("a plan name with control characters", 'name = "example"', 'name = "\\u001B[2J"', "cannot be seen"),
    Refused("seconds that are not a number", "seconds = 30", "seconds = nan", "stages[1].seconds"),
    Refused("infinite seconds", "seconds = 30", "seconds = inf", "stages[1].seconds"),
    Refused("a limit that is not a number", *expects("p95 < nan ms"), "cannot read"),
    Refused("a limit with an exponent", *expects("p95 < 1e9 ms"), "cannot read"),
    Refused("a limit longer than a leg", *expects("p95 < 1000000000 ms"), "can take that long"),
    Refused("a limit in another unit", *expects("p95 < 300 MB"), "p95 is given in"),
    Refused("an error rate limit of 100 %", *expects("error_rate < 100 %"), "lets 1 of all requests fail"),
    Refused("an error rate without its percent sign", *expects("error_rate < 1"), "with its percent sign"),
    Refused("a hit rate above zero", *expects("cache_hit_rate > 0 %"), "never below 0"),
    Refused("more than zero requests", *expects("rps > 0"), "never below 0"),
    Refused("a lower limit for a latency", *expects("p95 > 1 ms"), "requires it to be bad"),
    Refused("an upper limit for a hit rate", *expects("cache_hit_rate < 99 %"), "requires it to be bad"),
    Refused("a regression of any size", *expects("p95 rises by at most 100000 %"), "a hundred times worse"),
    Refused(
        "a regression of an hour", *expects("p95 rises by at most 5 % and 3600000 ms"), "allows more than a request"
    ),
    Refused("a throughput that may fall to zero", *expects("rps falls by at most 99.9 %"), "a hundred times worse"),
    Refused("a fall by 100 %", *expects("p95 falls by 100 %"), "nothing falls by 100 %"),
    Refused("a negative change", *expects("p95 falls by -50 %"), "is negative"),
    Refused(
        "the same target twice",
        "[[targets]]",
        f'[[targets]]\n{TARGET}\nstage = "sustain"\n[[targets]]',
        "repeats targets",
    ),
    Refused(
        "a claim without expect or reason",
        "[[targets]]",
        '[[claims]]\nid = "C"\nsays = "fast"\n[[targets]]',
        "needs either expect",
    ),
    Refused(
        "a profile that changes targets",
        "[load]",
        "[profiles.q]\ntargets = []\n[load]",
        "profiles.q.targets: unknown key",
    ),
    Refused("a profile that leaves no time", "[load]", "[profiles.q]\ntime = 0\n[load]", "profiles.q.time"),
    Refused("CPU of a missing database", *expects("database_cpu < 40 %"), "nothing measures database_cpu"),
    Refused(
        "statements of a missing database",
        *expects("slow_statements < 1"),
        "nothing measures slow_statements",
    ),
    Refused("memory of a missing cache", *expects("cache_memory < 1 MB"), "nothing measures cache_memory"),
    Refused(
        "a reading of a metric that is not read",
        "[[targets]]",
        '[readings.pool_use]\nof = "in_use"\n[[targets]]',
        'nothing reads "in_use"',
    ),
    Refused("an unknown tag", TARGET, f'{TARGET}\ntag = "reads"', 'no tag "reads"'),
    Refused(
        "a recovery without a fault",
        f'{TARGET}\nstage = "sustain"',
        'expect = "recovery_seconds < 60 s"',
        "add a fault",
    ),
    Refused(
        "load held without a limit",
        f'{TARGET}\nstage = "sustain"',
        'expect = "users_held >= 10"',
        "define when users are held",
    ),
    Refused(
        "a missing migration",
        f'{TARGET}\nstage = "sustain"',
        'expect = "migration_seconds < 9 s"',
        "nothing measures migration_seconds",
    ),
    Refused(
        "a migration under load that is not run",
        f'{TARGET}\nstage = "sustain"',
        'expect = "migration_stall_ms < 500 ms"',
        "nothing measures migration_stall_ms",
    ),
    Refused("no blocks", "blocks = 2", "blocks = 0", "load.blocks"),
    Refused("an unknown key", TARGET, f"{TARGET}\nlimit = 3", "unknown key"),
)


def columns(**change: Callable[[Any, np.random.Generator], Any]) -> Spoil:
    """A spoil that makes columns of the samples of after anew, from what they were and a source of chance."""

    def spoil(trial: Trial) -> Trial:
        if trial.leg.arm != "after":
            return trial
        return everywhere(**change)(trial)

    return spoil


def everywhere(**change: Callable[[Any, np.random.Generator], Any]) -> Spoil:
    """The same for the samples of both arms."""

    def spoil(trial: Trial) -> Trial:
        samples, chance = trial.samples, np.random.default_rng(trial.leg.number)
        for name, made in change.items():
            field = SAMPLES.field(name)
            values = pa.array(made(samples[name].to_pylist(), chance)).cast(field.type)
            samples = samples.set_column(samples.schema.get_field_index(name), field, values)
        return replace(trial, samples=samples)

    return spoil


def kept(keep: Callable[[dict[str, Any]], bool], arm: str = "") -> Spoil:
    """A spoil that keeps some of the samples of an arm, or of both."""

    def spoil(trial: Trial) -> Trial:
        if not trial.leg.arm.endswith(arm):
            return trial
        samples = trial.samples.filter(pa.array([keep(row) for row in trial.samples.to_pylist()], pa.bool_()))
        return replace(trial, samples=samples, generation=replace(trial.generation, requests=len(samples)))

    return spoil


def few(count: int) -> Spoil:
    """A spoil that keeps so many samples of a leg, spread over it."""

    def spoil(trial: Trial) -> Trial:
        places = np.linspace(0, len(trial.samples) - 1, count).astype(int)
        samples = trial.samples.take(pa.array(places))
        return replace(trial, samples=samples, generation=replace(trial.generation, requests=len(samples)))

    return spoil


def said(**facts: Any) -> Spoil:  # noqa: ANN401 - the fields of a generation
    """A spoil of what the generator says of itself."""
    return lambda trial: replace(trial, generation=replace(trial.generation, **facts))


def read(name: str, value: float) -> Spoil:
    """A spoil of a reading of the generator, the same in every second."""

    def spoil(trial: Trial) -> Trial:
        seconds = range(int(trial.generation.windows[-1].end))
        rows = [(round((second + 0.9) * 1e9), "generator", name, value) for second in seconds]
        return replace(trial, readings=pa.table(dict(zip(READINGS, zip(*rows, strict=True), strict=True))))

    return spoil


def _executing(of_before: int, of_after: int) -> Spoil:
    """A spoil after which half of the requests of after fail, and the databases ran so many statements a second."""

    def spoil(trial: Trial) -> Trial:
        calls = of_before if trial.leg.arm == "before" else of_after
        ends = range(int(trial.generation.windows[-1].end) + 1)
        seconds = [(1_000_000_000 * (end - 1), 1_000_000_000 * end) for end in ends]
        rows = [(*times, "", "a", calls, calls, calls, 0, 0, 1.0 * calls, 0.0) for times in seconds]
        return replace(_failing(0.5)(trial), executions=executions_of(rows, seconds[0][0], seconds[-1][1]))

    return spoil


def _failing(share: float) -> Spoil:
    return columns(
        error=lambda was, chance: ["HTTP 500" if hit else None for hit in chance.random(len(was)) < share],
        duration_ns=lambda was, _: [min(ns, 1_000_000) for ns in was],
    )


UNTARGETED = PLAN.split("[[targets]]", maxsplit=1)[0]
CLAIMED = UNTARGETED + '[[claims]]\nid = "C"\nsays = "fast"\nexpect = ["p95 < 10 s"]\n'
STAGED = PLAN.replace("[[targets]]", '[[stages]]\nkind = "peak"\nseconds = 5\nusers = 20\n[[targets]]')
OPENED = PLAN.replace("users = 5\n", "rate = 20\n").replace("users = 10\n", "rate = 40\n")

QUERYING = PLAN.replace('kind = "local"\n', 'kind = "local"\nprovides = ["postgres"]\n')


def _unoffered(trial: Trial) -> Trial:
    offered = tuple(replace(part, started=part.started // 2, most_users=1) for part in trial.generation.offered)
    return replace(trial, generation=replace(trial.generation, offered=offered))


JUDGED = (
    Judged("no targets", "INCONCLUSIVE", "", expect="", plan=UNTARGETED),
    Judged("claims and no target", "INCONCLUSIVE", "", expect="", plan=CLAIMED),
    Judged("one block", "INCONCLUSIVE", "one block has no interval", blocks=1),
    Judged("P99 of 50 requests", "INCONCLUSIVE", "too few samples", expect="p99 < 10 s", spoil=few(50)),
    Judged("a think time longer than the stage", "INCONCLUSIVE", "too few samples", spoil=few(10)),
    Judged(
        "a stage without requests",
        "INCONCLUSIVE",
        "nothing was measured here",
        stage="peak",
        plan=STAGED,
        spoil=kept(lambda row: row["due_ns"] < 32e9),
    ),
    Judged("all requests fail fast", "INCONCLUSIVE", "nothing was measured here", spoil=_failing(1.0)),
    Judged("half of the requests fail fast", "INCONCLUSIVE", "too many requests failed", spoil=_failing(0.5)),
    Judged(
        "half fail fast, and a target limits failures",
        "FAIL",
        "misses the target",
        expect="error_rate < 1 %",
        spoil=_failing(0.5),
    ),
    Judged(
        "work per request when few requests succeed",
        "INCONCLUSIVE",
        "too many requests failed",
        expect="queries_per_request <= 100",
        spoil=_failing(0.9),
    ),
    Judged(
        "statements per request when most requests fail before their first query",
        "INCONCLUSIVE",
        "too many requests failed",
        expect="db_statements_per_request falls by 50 %",
        spoil=_executing(100, 40),
        plan=QUERYING,
        blocks=4,
    ),
    Judged(
        "no slow statement when most requests fail before their first query",
        "INCONCLUSIVE",
        "too many requests failed",
        expect="slow_statements <= 0",
        spoil=_executing(100, 40),
        plan=QUERYING,
        blocks=4,
    ),
    Judged(
        "failures that user files count as successes",
        "INCONCLUSIVE",
        "count as successes",
        expect="error_rate < 5 %",
        spoil=columns(status=lambda was, chance: np.where(chance.random(len(was)) < 0.5, 500, was)),
    ),
    Judged(
        "after redirects everything",
        "INCONCLUSIVE",
        "statuses or empty responses differ",
        spoil=columns(status=lambda was, _: [301] * len(was)),
    ),
    Judged(
        "after answers 304 to everything",
        "INCONCLUSIVE",
        "statuses or empty responses differ",
        spoil=columns(status=lambda was, _: [304] * len(was)),
    ),
    Judged(
        "after answers an empty 200 at once",
        "INCONCLUSIVE",
        "statuses or empty responses differ",
        spoil=columns(size_bytes=lambda was, _: [0] * len(was)),
    ),
    Judged(
        "both arms answer an empty 200",
        "PASS",
        "have no content",
        spoil=everywhere(size_bytes=lambda was, _: [0] * len(was)),
    ),
    Judged(
        "after returns shorter responses",
        "PASS",
        "less than half as long",
        spoil=columns(size_bytes=lambda was, _: [n // 3 for n in was]),
    ),
    Judged(
        "an endpoint of one arm only",
        "INCONCLUSIVE",
        "received different requests",
        spoil=kept(lambda row: row["endpoint"] != "POST /interactions", "after"),
    ),
    Judged(
        "after requests the cheap endpoint only",
        "INCONCLUSIVE",
        "received different requests",
        spoil=kept(lambda row: row["endpoint"].startswith("POST") or row["due_ns"] % 20 == 0, "after"),
    ),
    Judged(
        "both arms are the same in the plan",
        "PASS",
        "the comparison is an A/A test",
        expect="p95 rises by at most 90 %",
        change=1.0,
        blocks=6,
    ),
    Judged(
        "before's code answers on both arms",
        "FAIL",
        "misses the target",
        expect="p95 falls by 50 %",
        change=1.0,
        blocks=6,
    ),
    Judged("a leg makes no request", "INVALID", "a leg made no request", spoil=kept(lambda _: False)),
    Judged(
        "all requests are in the warm-up",
        "INVALID",
        "no request was due in a measured stage",
        spoil=kept(lambda row: row["due_ns"] < 3e9),
    ),
    Judged("users that stop by themselves", "INVALID", "2 of 10 users were there", spoil=read("users", 2.0)),
    Judged("user code that blocks the generator", "INVALID", "stood still", spoil=read("loop_lag_ms", 800.0)),
    Judged(
        "a generator at 100 % of a core", "INVALID", "latencies include client-side delay", spoil=said(cpu_share=0.95)
    ),
    Judged("tasks that raise before their request", "INVALID", "exceptions beside", spoil=said(user_errors=500)),
    Judged("half of the arrivals never start", "INVALID", "could not make the load", plan=OPENED, spoil=_unoffered),
    Judged(
        "negative durations",
        "INVALID",
        "negative duration",
        spoil=columns(duration_ns=lambda was, _: [-n for n in was]),
    ),
    Judged(
        "requests that are counted twice",
        "INVALID",
        "are there twice",
        spoil=lambda t: replace(t, samples=pa.concat_tables([t.samples, t.samples])),
    ),
    Judged("a generous limit that is met", "PASS", "", expect="p95 < 100 s"),
)

SENDS = 'self.client.get("/items/7", name="/items/{id}")'
WAITS = "    wait_time = constant(0.05)\n"
RUNS = (
    Run("user files whose tasks send nothing", "INVALID", "a leg made no request", users=(SENDS, "pass")),
    Run(
        "a user class of weight 0 and no other",
        "refused",
        "there would be no users",
        users=(WAITS, WAITS + "    weight = 0\n"),
    ),
    Run(
        "users that stop themselves",
        "INVALID",
        "users were there",
        users=(SENDS, f"{SENDS}\n        raise __import__('locust').exception.StopUser"),
    ),
    Run(
        "a wait_time that raises",
        "INVALID",
        "users were there",
        users=(WAITS, "    def wait_time(self):\n        raise ValueError('no')\n"),
    ),
    Run(
        "user code that blocks the process",
        "INVALID",
        "stood still",
        users=(SENDS, f"{SENDS}\n        __import__('ctypes').CDLL(None).usleep(900_000)"),
    ),
    Run(
        "a 500 that the user file calls a success",
        "INCONCLUSIVE",
        "count as successes",
        users=(SENDS, 'with self.client.get("/items/7", catch_response=True) as answer:\n            answer.success()'),
        service=("send_response(200)", 'send_response(500 if self.path != "/" else 200)'),
        expect="queries_per_request <= 2",  # a response time of two blocks may differ too much to decide
    ),
    Run(
        "a service that answers 500 at once",
        "INCONCLUSIVE",
        "nothing was measured here",
        service=("send_response(200)", 'send_response(500 if self.path != "/" else 200)'),
    ),
    Run(
        "an endpoint that is misspelt",
        "refused",
        "no user file requests",
        expect='p95 < 10 s"\nendpoint = "GET /itmes/{id}',
    ),
)


def table() -> str:
    """All ways as a table in Markdown."""
    rows = [(one.way, "refused, exit 2", one.says) for one in REFUSED]
    rows += [(one.way, _shown(one.outcome, one.says), one.says) for one in (*JUDGED, *RUNS)]
    lines = ["| measurement of nothing | outcome | message contains |", "|---|---|---|"]
    lines += [f"| {way} | {outcome} | {_code(says)} |" for way, outcome, says in rows]
    return "\n".join(lines) + "\n"


def counted() -> str:
    """How many ways come to what."""
    outcomes = Counter(["refused"] * len(REFUSED) + [one.outcome for one in (*JUDGED, *RUNS)])
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())


def _shown(outcome: str, says: str) -> str:
    codes = {"refused": 2, "INVALID": 4, "INCONCLUSIVE": 3, "FAIL": 1, "PASS": 0}
    caveat = " with a caveat" if outcome == "PASS" and says else ""
    return f"{outcome}{caveat}, exit {codes[outcome]}"


def _code(says: str) -> str:
    return f"“{says}”".replace("|", "\\|") if says else ""
