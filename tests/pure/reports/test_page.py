"""Migrations and setup as the reader sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pure.reports.conftest import Run


def test_a_migration_says_what_it_took_and_made(usual: Run) -> None:
    before, after = usual.page.migrations
    assert (before.arm, before.seconds, before.indexes) == ("before", "420 ms", ())
    assert before.size_before.why == "the size of the database was not read"
    assert (after.seconds, after.size_before.text, after.size_after.text) == ("48.2 s", "300 MiB", "412 MiB")
    assert after.growth.text == "+37.3 %"
    assert after.indexes == ("ix_interactions_user", "ix_content_tags_tag")


def test_migrations_name_their_service_where_there_is_one(usual: Run) -> None:
    named = replace(usual, migrations=tuple(replace(m, service="pay|ment") for m in usual.migrations))
    assert [row.service for row in named.page.migrations] == ["pay|ment"] * 2
    files = named.undrawn
    assert "<th>service</th>" in files["report.html"]
    assert "<td>pay|ment</td>" in files["report.html"]
    assert r"| after | pay\|ment | head | 48.2 s | 412 MiB | +37.3 % |" in files["summary.md"]
    assert "<th>service</th>" not in usual.report
    assert "Migrations" not in usual.undrawn["summary.md"]


def test_the_setup_names_what_was_measured_and_how(usual: Run) -> None:
    facts = {group.title: dict(group.rows) for group in usual.page.setup}
    assert facts["Versions"]["postgresql"] == "18.0"
    assert facts["Host"]["memory"] == "8.00 GiB"
    assert facts["Arms"]["after"] == "revision head, RELEASE=optimized"
    assert facts["Data"]["contents"] == "10,000 rows"
    assert facts["Order of legs"]["block 1"] == "after, before"
    assert facts["Generator"]["peak generator CPU"] == "20.0 % of a core"
    assert facts["Seeds and fingerprints"]["seeded data"] == "5eed5eed5eed"


def test_a_profile_is_in_the_setup_and_beside_what_was_measured(
    usual: Run, plan_text: str, run_of: Callable[..., Run]
) -> None:
    quick = run_of(plan_text + "[profiles.quick]\ntime = 0.2\nleast_seconds = 1\nblocks = 3\n", profile="quick")
    loads = [dict(facts.rows) for run in (usual, quick) for facts in run.page.setup if facts.title == "Load of a leg"]
    assert loads == [
        {"profile": "none", "length": "65 s"},
        {"profile": "quick", "length": "13 s"},
    ]
    assert quick.text(140).splitlines()[1].endswith("profile quick, 3 interleaved blocks, 3,120 requests")
    assert "profile quick, 3 interleaved blocks" in quick.report
    assert "profile quick, 3 interleaved blocks" in quick.undrawn["summary.md"]


def test_the_plan_is_there_word_for_word(usual: Run) -> None:
    assert usual.page.plan_text == usual.plan_text
