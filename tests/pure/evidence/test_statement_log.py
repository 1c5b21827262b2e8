from harness.record.migration import LockWait, MigrationStatement
from harness.record.statement_log import blocking_statement, logged_end, migration_log

LOG = """\
2026-01-02 03:04:05.000 UTC [10] LOG:  checkpoint starting: time
2026-01-02 03:04:06.100 UTC [77] LOG:  00000: duration: 0.050 ms  statement: BEGIN
2026-01-02 03:04:06.600 UTC [77] LOG:  00000: duration: 500.000 ms  statement: ALTER TABLE items
\t    ADD COLUMN colour text
2026-01-02 03:04:06.650 UTC [99] ERROR:  deadlock detected at character 8
2026-01-02 03:04:06.650 UTC [99] DETAIL:  Process 99 waits for ShareLock on transaction 1
2026-01-02 03:04:06.650 UTC [99] STATEMENT:  UPDATE items SET price = 1
2026-01-02 03:04:06.700 UTC [77] LOG:  00000: duration: 0.020 ms  bind <unnamed>: SELECT 1
2026-01-02 03:04:06.800 UTC [77] LOG:  00000: duration: 2.000 ms  execute <unnamed>: SELECT 1
2026-01-02 03:04:07.000 UTC [77] ERROR:  42P01: relation "nothing" does not exist
2026-01-02 03:04:07.000 UTC [77] LOCATION:  DropErrorMsg, tablecmds.c:1
2026-01-02 03:04:07.000 UTC [77] STATEMENT:  DROP TABLE nothing
2026-01-02 03:04:07.100 UTC [99] LOG:  duration: 9.000 ms  statement: SELECT 'of the load'
2026-01-02 03:04:09.000 UTC [78] LOG:  00000: duration: 1.000 ms  statement: SELECT 'too late'
"""
AT = 1767323045.0  # 2026-01-02 03:04:05 UTC


def test_a_log_has_the_statements_of_the_migration_with_their_times() -> None:
    found = migration_log(LOG, AT, AT + 3)
    assert [(round(one.begun - AT, 3), one.ms, one.error, one.text) for one in found.statements] == [
        (1.1, 0.05, "", "BEGIN"),
        (1.1, 500.0, "", "ALTER TABLE items\n    ADD COLUMN colour text"),
        (1.798, 2.0, "", "SELECT 1"),
        (2.0, None, 'relation "nothing" does not exist', "DROP TABLE nothing"),
    ]


def test_errors_of_other_sessions_are_counted_apart() -> None:
    assert migration_log(LOG, AT, AT + 3).errors_of_others == (("deadlock detected", 1),)


def test_another_file_has_no_statements() -> None:
    assert migration_log("LOG:  00000: duration: 1 ms  statement: SELECT 1\n\ttail\n", 0, AT * 2).statements == ()


def ran(*texts: str) -> list[MigrationStatement]:
    return [MigrationStatement(float(second), 900.0, text) for second, text in enumerate(texts)]


def test_the_cause_is_the_first_statement_of_the_transaction_that_names_the_table() -> None:
    statements = ran("BEGIN", "LOCK TABLE items", "SELECT pg_sleep(0.5)", "COMMIT")
    assert blocking_statement(statements, "SELECT pg_sleep(0.5)", "items", 3.5) == "LOCK TABLE items"
    assert blocking_statement(statements, "COMMIT", "items", 3.5) == "LOCK TABLE items"
    assert blocking_statement(statements, "SELECT pg_sleep(0.5)", "item", 3.5) == "SELECT pg_sleep(0.5)"
    assert blocking_statement(statements, "SELECT pg_sleep(0.5)", "", 3.5) == "SELECT pg_sleep(0.5)"


def test_outside_a_transaction_a_statement_is_its_own_cause() -> None:
    statements = ran("BEGIN", "ALTER TABLE items ADD a int", "COMMIT", "CREATE INDEX x ON items (a)")
    assert blocking_statement(statements, statements[3].text, "items", 9.0) == statements[3].text
    assert blocking_statement(statements, "unknown", "items", 9.0) == "unknown"


def waiting(ended: float, margin: float, head: str = "LOCK TABLE items") -> LockWait:
    return LockWait(9, 1.0, ended, "ShareLock", "items", "UPDATE", own=False, head=head, margin=margin)


def test_a_wait_ends_when_the_transaction_of_the_migration_does() -> None:
    statements = ran("BEGIN", "LOCK TABLE items", "SELECT pg_sleep(0.5)", "COMMIT")
    assert logged_end(statements, waiting(3.5, 0.6)).ended == 3.9
    assert logged_end(statements, waiting(3.5, 0.1)).ended == 3.5  # it ended for another reason
    assert logged_end(statements, waiting(3.5, 0.6, head="")).ended == 3.5
