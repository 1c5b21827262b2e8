"""Claims in every output, and their words."""

import json
from typing import TYPE_CHECKING

import pytest

from reports.sections.claims import claim_rows, claims_tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pure.reports.conftest import Run

CLAIMS = """
[[claims]]
id = "C1"
says = "P50 falls <by> half"
before = "245 ms"
after = "50 ms"
expect = ["p50 falls by 50 %"]

[[claims]]
id = "C2"
says = "everything is free"
expect = ["p50 < 0.01 ms", "p50 falls by 99 %"]

[[claims]]
id = "C3"
says = "less memory"
after = "300 MB"
unmeasured = "needs a probe | of memory"
"""


@pytest.fixture(scope="module")
def claimed(run_of: "Callable[..., Run]", plan_text: str) -> "Run":
    return run_of(plan_text + CLAIMS)


def test_rows_say_what_was_claimed_and_what_was_found(claimed: "Run") -> None:
    first, second, third = claim_rows(claimed.verdict)
    assert (first.id, first.claimed, first.holding, first.mark) == ("C1", "245 ms → 50 ms", "confirmed", "✓")
    assert (second.holding, second.mark, len(second.measured)) == ("refuted", "✗", 2)
    assert (third.holding, third.claimed, third.unmeasured) == ("not measured", "300 MB", "needs a probe | of memory")
    assert claims_tally(claimed.verdict) == "1 confirmed, 1 refuted, 1 not measured"


def test_claims_are_in_every_output(claimed: "Run") -> None:
    files = claimed.undrawn
    assert "claims 1 confirmed, 1 refuted, 1 not measured" in claimed.text().splitlines()
    assert "<b>C1</b> P50 falls &lt;by&gt; half" in files["report.html"]
    assert "needs a probe | of memory" in files["report.html"]
    assert r"needs a probe \| of memory | ? not measured |" in files["summary.md"]
    claims = json.loads(files["verdict.json"])["claims"]
    assert [(c["id"], c["holding"], len(c["checks"])) for c in claims] == [
        ("C1", "confirmed", 1),
        ("C2", "refuted", 2),
        ("C3", "not measured", 0),
    ]
    assert claims[0]["claimed"] == {"before": "245 ms", "after": "50 ms"}


def test_a_plan_without_claims_has_no_section(usual: "Run") -> None:
    assert "<h2>Claims</h2>" not in usual.report
