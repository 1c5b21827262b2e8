"""What is wrong with a plan that could not see a failure: targets that nothing misses, that nobody reads, that hide."""

import unicodedata
from collections.abc import Iterator

from harness.errors import Problem
from harness.metrics import Better, Metric, Origin, ProcessRole, Unit
from harness.plan.environment import Compose, External, Local
from harness.plan.expectation import Expectation, Form
from harness.plan.model import Plan

GRACE_SECONDS = 60.0
"""After the load and ``load.stop_seconds`` a leg has this long to end: no request of it takes longer."""
MOST_ERRORS = 0.5
"""Where more may fail, what succeeds is no longer the service."""
HUNDREDFOLD = 99.0
MICRO = "\N{MICRO SIGN}\N{GREEK SMALL LETTER MU}"
SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
"""Those with letters that look like letters of another one."""


def blind_problems(plan: Plan) -> Iterator[Problem]:
    """Every target and limit that could not be missed, is read by nobody or stands there twice; names that deceive."""
    for where, target in plan.judged:
        if what := never_missed(plan, target.expectation) or _unread(plan, target.expectation.metric):
            yield Problem(f"{where}.expect", what)
        if target.endpoint and target.expectation.metric.by_endpoint and plan.answers is None:
            what = "what a request to one endpoint costs is told by the corpus: add [answers], or leave endpoint out"
            yield Problem(f"{where}.endpoint", what)
    for index, limit in enumerate(plan.limits):
        if what := never_missed(plan, limit):
            yield Problem(f"capacity.limit[{index}]", what)
    yield from _said_twice(plan)
    yield from _deceiving(plan)


def never_missed(plan: Plan, said: Expectation) -> str:
    """Why whatever is measured would meet an expectation, and what to write instead; empty when it can be missed."""
    metric = said.metric
    if said.form is Form.ABSOLUTE:
        return _always_within(plan, said)
    if said.form is Form.NO_REGRESSION:
        rises, allowed = not said.below, said.limit
        if (rises and allowed >= HUNDREDFOLD) or (not rises and allowed >= HUNDREDFOLD / (HUNDREDFOLD + 1)):
            return f"allows {metric.name} to become a hundred times worse, which nothing would miss; allow less"
        if metric.unit is Unit.MS and said.floor >= _longest_ms(plan):
            return f"allows more than a request of this plan can take ({_longest_ms(plan) / 1000:g} s); allow less"
    return ""


def _always_within(plan: Plan, said: Expectation) -> str:
    metric = said.metric
    if said.below is (metric.better is Better.HIGHER) and metric.origin is not Origin.STRESS:
        better, sign = ("higher", ">=") if said.below else ("lower", "<=")
        return f'{metric.name} is better when it is {better}, so this asks it to be bad; write "{metric.name} {sign} …"'
    if not said.below and said.limit <= 0:
        return f"{metric.name} is never below 0, so that nothing would miss this; ask for more"
    if metric.of_failures and said.limit > MOST_ERRORS:
        return (
            f"lets {said.limit:.4g} of 1 fail, and what answers then is hardly the service; allow at most "
            f"{MOST_ERRORS:.0%}, written with its percent sign"
        )
    if said.below and metric.unit is Unit.FRACTION and said.limit >= 1:
        return f"{metric.name} never exceeds 100 %, so that nothing would miss this; ask for less"
    if metric.unit is Unit.MS and metric.origin is Origin.REQUESTS and said.limit >= _longest_ms(plan):
        return (
            f"no request of this plan can take that long: a leg ends after {_longest_ms(plan) / 1000:g} s; ask for less"
        )
    return ""


def _longest_ms(plan: Plan) -> float:
    return (plan.seconds + plan.load.stop_seconds + GRACE_SECONDS) * 1000


def _unread(plan: Plan, metric: Metric) -> str:
    """Why nobody reads a metric of a server in this plan; empty when somebody does."""
    if metric.origin in {Origin.STATEMENTS, Origin.TRIGGERS}:
        return _uncounted(plan, metric)
    if metric.process not in {ProcessRole.DATABASE, ProcessRole.CACHE}:
        return ""
    match plan.environment:
        case Local() as local:
            there = metric.process.value in local.provides
            fix = f'add "{metric.process}" to environment.provides'
        case Compose() as compose:
            database = metric.process is ProcessRole.DATABASE
            there = (compose.database if database else compose.cache) is not None
            fix = f"say which service that is, environment.{'database' if database else 'cache'}"
        case _:
            return ""
    return "" if there else f"nothing measures {metric.name}: {fix}, or leave it out"


def _uncounted(plan: Plan, metric: Metric) -> str:
    """Why nobody counts what the databases of a plan execute; empty when somebody does."""
    match plan.environment:
        case Local() as local:
            there, fix = "postgres" in local.provides, 'add "postgres" to environment.provides'
        case Compose() as compose:
            there, fix = compose.database is not None, "say which service is the database, environment.database"
        case External() as external:
            there = bool(external.postgres) or all(arm.postgres for arm in plan.arms.values())
            fix = "give the address of the database, environment.postgres"
    return "" if there else f"nothing measures {metric.name}: {fix}, or leave it out"


def _said_twice(plan: Plan) -> Iterator[Problem]:
    """Targets that are the same statement: each would be counted as one that holds."""
    first: dict[tuple[Expectation, str | None, str | None, str | None], int] = {}
    for index, target in enumerate(plan.targets):
        said = (target.expectation, target.stage, target.endpoint, target.tag)
        if said in first:
            yield Problem(f"targets[{index}]", f"says the same as targets[{first[said]}]; remove one")
        first.setdefault(said, index)


def _deceiving(plan: Plan) -> Iterator[Problem]:
    """Texts that would read in a report as something else than they are."""
    lines = {"name": plan.name} | {f"stages[{i}].name": stage.name for i, stage in enumerate(plan.stages)}
    for index, claim in enumerate(plan.claims):
        texts = {"id": claim.id, "says": claim.says, "before": claim.before, "after": claim.after}
        lines |= {f"claims[{index}].{key}": (text or "").replace("\n", " ") for key, text in texts.items()}
    for where, text in lines.items():
        if hidden := [character for character in text if unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs"}]:
            yield Problem(where, f"has a character that cannot be seen ({_named(hidden[0])}); remove it")
        elif where.endswith(".name") and text != text.strip():
            yield Problem(where, "begins or ends with a space; remove it")
        elif where.endswith(".name") and (odd := _of_another_script(text)):
            yield Problem(where, f"mixes letters that look alike ({_named(odd)}); write it in one script")
    for where, target in plan.judged:
        if odd := next((c for c in target.expect if not c.isascii() and c not in MICRO), ""):
            yield Problem(f"{where}.expect", f"has a character that looks like another ({_named(odd)}); type it anew")


def _of_another_script(text: str) -> str:
    """A letter that is not of the script of the first one, where scripts have letters that look alike; else empty."""
    scripts = [(c, unicodedata.name(c, "").partition(" ")[0]) for c in text if c.isalpha()]
    known = [(c, script) for c, script in scripts if script in SCRIPTS]
    return next((c for c, script in known if script != known[0][1]), "")


def _named(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"
