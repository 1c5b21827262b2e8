"""Passwords that come from files, as secrets of a container do."""

from pathlib import Path

import pytest

from reference_app.errors import SetupError
from reference_app.services.auth.tokens import Tokens
from reference_app.settings import Settings

URLS = {"DATABASE_URL": "postgresql://service@db:5432/x", "REDIS_URL": "redis://cache:6379/1"}


def test_addresses_take_their_passwords_from_files(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("p@ss/wörd\n")
    (tmp_path / "two").write_text("plain")
    files = {"DATABASE_PASSWORD_FILE": str(tmp_path / "one"), "REDIS_PASSWORD_FILE": str(tmp_path / "two")}
    settings = Settings.from_environment({**URLS, **files})
    assert settings.database_url == "postgresql://service:p%40ss%2Fw%C3%B6rd@db:5432/x"
    assert settings.redis_url == "redis://:plain@cache:6379/1"
    assert Settings.from_environment(URLS).database_url == URLS["DATABASE_URL"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"DATABASE_PASSWORD_FILE: .*none cannot be read"):
        Settings.from_environment({**URLS, "DATABASE_PASSWORD_FILE": str(tmp_path / "none")})


def test_tokens_are_signed_with_the_secret_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a-secret-that-is-long-enough-to-sign\n")
    from_file = Tokens({"REFERENCE_AUTH_SECRET_FILE": str(tmp_path / "secret")})
    token, _ = from_file.issue(7)
    same = Tokens({"REFERENCE_AUTH_SECRET": "a-secret-that-is-long-enough-to-sign"})
    assert same.read(token).user_id == 7
