"""``${NAME}`` in values of a plan."""

import pytest

from harness.environment.variables import conceal, expand, expand_values
from harness.errors import EnvironmentFailedError


def test_variables_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASS", "a${b}$")
    assert expand_values({"A": "x${PGPASS}y${PGPASS}", "B": "$PGPASS {PGPASS}"}, "environment.env") == {
        "A": "xa${b}$ya${b}$",
        "B": "$PGPASS {PGPASS}",
    }


def test_one_that_is_not_set_is_named_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPASS", raising=False)
    with pytest.raises(EnvironmentFailedError, match=r"environment\.env\.A: PGPASS is not set; export PGPASS="):
        expand("${PGPASS}", "environment.env.A")


def test_a_log_has_names_in_place_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASS", "correct-horse")
    monkeypatch.setenv("SWITCH", "on")
    expand_values({"A": "${PGPASS}", "B": "${SWITCH}"}, "environment.env")
    assert conceal("url postgres://u:correct-horse@db is on") == "url postgres://u:${PGPASS}@db is on"
