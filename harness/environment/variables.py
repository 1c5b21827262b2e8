"""Variables: ``${NAME}`` in values of a plan, taken from the harness's own environment and written nowhere.

A service may print what it was given. In what the harness keeps of its log the value is ``${NAME}`` again.
"""

import os
import re
from collections.abc import Mapping

from harness.errors import EnvironmentFailedError

MIN_SECRET_LENGTH = 6
"""Shorter values are switches such as "on": concealed, they would take words out of every log."""
_NAME = re.compile(r"\$\{(\w+)\}")
_BASE_URL = re.compile(r"https?://[^/\s]+\S*")
_secrets: dict[str, str] = {}


def expand_values(values: Mapping[str, str], where: str) -> dict[str, str]:
    """The values with every ``${NAME}`` filled in.

    Raises:
        EnvironmentFailedError: naming the key and the variable that is not set.
    """
    return {key: expand(text, f"{where}.{key}") for key, text in values.items()}


def expand(text: str, where: str) -> str:
    """A value with every ``${NAME}`` filled in; raises as ``expand_values``."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in os.environ:
            raise EnvironmentFailedError(f"{where}: {name} is not set; export {name}=… before the run")
        if len(os.environ[name]) >= MIN_SECRET_LENGTH:
            _secrets[os.environ[name]] = f"${{{name}}}"
        return os.environ[name]

    return _NAME.sub(value, text)


def expand_url(text: str, where: str) -> str:
    """A base URL with every ``${NAME}`` filled in, and without a slash at its end.

    Raises:
        EnvironmentFailedError: as ``expand``, and when what comes out is no address; what it is is not said.
    """
    url = expand(text, where)
    if not _BASE_URL.fullmatch(url):
        raise EnvironmentFailedError(
            f"{where}: {text} filled in is no address; it has to begin with http:// or https://"
        )
    return url.rstrip("/")


def conceal(text: str) -> str:
    """A text to be kept or shown, with the name of a variable in place of each value that was filled in."""
    for value in sorted(_secrets, key=len, reverse=True):
        text = text.replace(value, _secrets[value])
    return text
