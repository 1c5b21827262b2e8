"""Checks of plans that could not fail: targets that are always met or repeated, and deceptive names."""

import unicodedata
from collections.abc import Iterator

from harness.errors import Problem
from harness.metrics import Better, Origin, Unit
from harness.plan.expectation import Expectation, Form
from harness.plan.model import Plan

GRACE_SECONDS = 60.0
"""Seconds after the load and ``load.stop_seconds`` in which a leg must end; no request takes longer."""
MOST_ERRORS = 0.5
"""Above this error rate, successes are no longer the service."""
HUNDREDFOLD = 99.0
MICRO = "\N{MICRO SIGN}\N{GREEK SMALL LETTER MU}"
SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
"""Scripts with letters that look alike."""


def vacuous_problems(plan: Plan) -> Iterator[Problem]:
    """Targets and limits that are always met or repeated, and deceptive names."""
    for where, target in plan.judged:
        if what := always_met(plan, target.expectation):
            yield Problem(f"{where}.expect", what)
    for index, limit in enumerate(plan.limits):
        if what := always_met(plan, limit):
            yield Problem(f"capacity.limit[{index}]", what)
    yield from _duplicates(plan)
    yield from _deceptive_names(plan)


def always_met(plan: Plan, expectation: Expectation) -> str:
    """Why every measurement would meet an expectation, and what to write instead; empty when it can be missed."""
    metric = expectation.metric
    if expectation.form is Form.ABSOLUTE:
        return _always_within(plan, expectation)
    if expectation.form is Form.NO_REGRESSION:
        rises, allowed = not expectation.below, expectation.limit
        if (rises and allowed >= HUNDREDFOLD) or (not rises and allowed >= HUNDREDFOLD / (HUNDREDFOLD + 1)):
            return f"allows {metric.name} to become a hundred times worse, which cannot be missed; allow less"
        if metric.unit is Unit.MS and expectation.floor >= _longest_ms(plan):
            return f"allows more than a request of this plan can take ({_longest_ms(plan) / 1000:g} s); allow less"
    return ""


def _always_within(plan: Plan, expectation: Expectation) -> str:
    metric = expectation.metric
    if expectation.below is (metric.better is Better.HIGHER) and metric.origin is not Origin.STRESS:
        better, sign = ("higher", ">=") if expectation.below else ("lower", "<=")
        return f'{metric.name} is better {better}, so this target requires it to be bad; write "{metric.name} {sign} …"'
    if not expectation.below and expectation.limit <= 0:
        return f"{metric.name} is never below 0, so this target cannot be missed; require more"
    if metric.of_failures and expectation.limit > MOST_ERRORS:
        return (
            f"lets {expectation.limit:.4g} of all requests fail; allow at most {MOST_ERRORS:.0%}, with its percent sign"
        )
    if expectation.below and metric.unit is Unit.FRACTION and expectation.limit >= 1:
        return f"{metric.name} never exceeds 100 %, so this target cannot be missed; allow less"
    if metric.unit is Unit.MS and metric.origin is Origin.REQUESTS and expectation.limit >= _longest_ms(plan):
        return (
            f"no request of this plan can take that long: a leg ends after {_longest_ms(plan) / 1000:g} s; allow less"
        )
    return ""


def _longest_ms(plan: Plan) -> float:
    return (plan.seconds + plan.load.stop_seconds + GRACE_SECONDS) * 1000


def _duplicates(plan: Plan) -> Iterator[Problem]:
    """Duplicate targets, which would count as two that are met."""
    first: dict[tuple[Expectation, str | None, str | None, str | None], int] = {}
    for index, target in enumerate(plan.targets):
        expectation = (target.expectation, target.stage, target.endpoint, target.tag)
        if expectation in first:
            yield Problem(f"targets[{index}]", f"repeats targets[{first[expectation]}]; remove one")
        first.setdefault(expectation, index)


def _deceptive_names(plan: Plan) -> Iterator[Problem]:
    """Texts that look like others in a report."""
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
            yield Problem(f"{where}.expect", f"has a character that looks like another ({_named(odd)}); type it again")


def _of_another_script(text: str) -> str:
    """A letter of another script than the first letter, among scripts that look alike; else empty."""
    scripts = [(c, unicodedata.name(c, "").partition(" ")[0]) for c in text if c.isalpha()]
    known = [(c, script) for c, script in scripts if script in SCRIPTS]
    return next((c for c, script in known if script != known[0][1]), "")


def _named(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"
