"""The order of the rules of a verdict, and the codes of its findings."""

from collections.abc import Sequence
from types import ModuleType

import pytest

from harness.finding import Finding
from harness.verdict import caveats, guards
from harness.verdict.rules import RULES, RULES_OF_CLAIMS, RULES_OF_REPEAT
from harness.verdict.targets import Rule


@pytest.mark.parametrize("rules", [RULES_OF_CLAIMS, RULES_OF_REPEAT], ids=["claims", "repeat"])
def test_claims_and_second_measurements_are_judged_by_the_same_rules_in_the_same_order(rules: Sequence[Rule]) -> None:
    assert [rule for rule in RULES if rule in rules] == list(rules)


@pytest.mark.parametrize("module", [guards, caveats], ids=lambda module: module.__name__)
def test_a_finding_without_numbers_has_the_name_of_its_code(module: ModuleType) -> None:
    found = {name: value.code for name, value in vars(module).items() if isinstance(value, Finding)}
    assert found
    assert list(found) == list(found.values())
