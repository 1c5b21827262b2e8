from harness.record.migration import SchemaDifference
from harness.record.schema import differences


def test_what_differs_is_named_with_both_sides() -> None:
    before = {"table a": "1", "index x": "old", "column a.b": "int"}
    after = {"table a": "1", "index x": "new", "column a.c": "int"}
    assert differences(before, after) == (
        SchemaDifference("column a.b", "int", None),
        SchemaDifference("column a.c", None, "int"),
        SchemaDifference("index x", "old", "new"),
    )
    assert differences(before, before) == ()
