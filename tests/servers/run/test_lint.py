"""squawk on the statements that a migration ran."""

import pytest

from harness.record.migration import DOWNGRADE, UPGRADE, MigrationStatement, MigrationStep
from harness.run import lint as linting
from harness.run.lint import MISSING, lint


def step(*texts: str, way: str = UPGRADE) -> MigrationStep:
    return MigrationStep(
        way, None, "2", 0.0, 1.0, statements=tuple(MigrationStatement(0.0, 1.0, text) for text in texts)
    )


def test_a_warning_belongs_to_its_statement() -> None:
    ran = step(
        "BEGIN",
        "select pg_catalog.version()",
        "ROLLBACK",
        "BEGIN",
        "ALTER TABLE items\n  ADD COLUMN colour text -- a comment",
        "COMMIT",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON items (colour)",
        "CREATE INDEX IF NOT EXISTS b ON items (colour)",
    )
    found, by = lint([step("SELECT 1", way=DOWNGRADE), ran])
    assert by == "squawk"
    plain = [(one.step, one.statement) for one in found if one.rule == "require-concurrent-index-creation"]
    assert plain == [(1, 7)]
    assert "ban-concurrent-index-creation-in-transaction" not in {one.rule for one in found}
    assert all(one.message for one in found)
    assert not [one for one in found if one.step == 0]


def test_without_the_program_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linting, "squawk_program", lambda: None)
    assert lint([step("DROP TABLE items")]) == ((), MISSING)


def test_a_program_that_answers_nonsense_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linting, "squawk_program", lambda: "/bin/echo")
    found, by = lint([step("DROP TABLE items")])
    assert found == ()
    assert by.startswith("squawk failed: ")
