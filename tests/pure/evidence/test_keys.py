"""Cache lookups and misses by key pattern, command by command."""

import pytest

from harness.record.cache_keys import OTHERS, KeyTracker, KeyUse, pattern_of


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("rec:recommendations:42:10", "rec:recommendations:*:*"),
        ("rec:content:7:full", "rec:content:*:full"),
        ("auth:token:eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9:valid", "auth:token:*:valid"),
        ("session/1b4e28ba-2fa1-11d2-883f-0016d3cca427", "session/*"),
        ("top-contents", "top-contents"),
        ("", ""),
        ("::", "::"),
        ("ключ:5", "ключ:*"),
    ],
)
def test_a_key_pattern_has_a_star_for_what_differs(key: str, pattern: str) -> None:
    assert pattern_of(key) == pattern


def test_a_key_is_there_from_when_it_is_written_until_it_is_removed() -> None:
    keys = KeyTracker([(0, "a:1")])
    for command in (
        ["GET", "a:1"],
        ["get", "a:2"],
        ["SET", "a:2", "v", "EX", "60"],
        ["GET", "a:2"],
        ["MGET", "a:1", "a:2", "a:3"],
        ["DEL", "a:1", "a:2"],
        ["GET", "a:1"],
        ["MSET", "a:4", "x", "a:5", "y"],
        ["MGET", "a:4", "a:5"],
        ["PING"],
        [],
    ):
        keys.take(0, command)
    keys.take(1, ["GET", "a:4"])  # of another database
    assert keys.uses() == (KeyUse("a:*", 10, 4),)


def test_a_cleared_database_holds_nothing() -> None:
    keys = KeyTracker([(0, "a"), (1, "a")])
    keys.take(0, ["FLUSHDB"])
    for database in (0, 1):
        keys.take(database, ["GET", "a"])
    assert keys.uses() == (KeyUse("a", 2, 1),)


def test_too_many_patterns_are_reported_together() -> None:
    keys = KeyTracker([])
    for number in range(40):
        keys.take(0, ["GET", f"name{'x' * number}"[:20]])
    found = keys.uses(most=3)
    assert len(found) == 4
    assert found[-1].pattern == OTHERS
    assert sum(use.reads for use in found) == 40
