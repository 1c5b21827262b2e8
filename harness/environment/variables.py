"""``${NAME}`` in values of a plan, from the harness's own environment.

The values are never recorded; in stored logs of services they are replaced by ``${NAME}``.
"""

import os
import re
from collections.abc import Mapping

from harness.errors import EnvironmentFailedError

MIN_SECRET_LENGTH = 6
"""Shorter values such as "on" are not concealed: they occur in every log."""
_NAME = re.compile(r"\$\{(\w+)\}")
_BASE_URL = re.compile(r"https?://[^/\s]+\S*")
_secrets: dict[str, str] = {}


def expand_values(values: Mapping[str, str], where: str) -> dict[str, str]:
    """The values with ``${NAME}`` expanded; raises ``EnvironmentFailedError``, naming a missing variable."""
    return {key: expand(text, f"{where}.{key}") for key, text in values.items()}


def expand(text: str, where: str) -> str:
    """A value with every ``${NAME}`` expanded; raises as ``expand_values``."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in os.environ:
            raise EnvironmentFailedError(f"{where}: {name} is not set; export {name}=… before the run")
        if len(os.environ[name]) >= MIN_SECRET_LENGTH:
            _secrets[os.environ[name]] = f"${{{name}}}"
        return os.environ[name]

    return _NAME.sub(value, text)


def expand_url(text: str, where: str) -> str:
    """A base URL, expanded, without a final slash; raises as ``expand``, and without the value if that is no URL."""
    url = expand(text, where)
    if not _BASE_URL.fullmatch(url):
        raise EnvironmentFailedError(f"{where}: {text} expands to no URL; it must begin with http:// or https://")
    return url.rstrip("/")


def conceal(text: str) -> str:
    """The text with ``${NAME}`` in place of each expanded value."""
    for value in sorted(_secrets, key=len, reverse=True):
        text = text.replace(value, _secrets[value])
    return text
