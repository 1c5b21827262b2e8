from harness.record.migration import Difference
from harness.record.schema import differences


def test_what_differs_is_named_with_both_sides() -> None:
    before = {"table a": "1", "index x": "old", "column a.b": "int"}
    after = {"table a": "1", "index x": "new", "column a.c": "int"}
    assert differences(before, after) == (
        Difference("column a.b", "int", None),
        Difference("column a.c", None, "int"),
        Difference("index x", "old", "new"),
    )
    assert differences(before, before) == ()
