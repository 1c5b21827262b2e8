"""Variables: ``${NAME}`` in values of a plan, taken from the harness's own environment and written nowhere."""

import os
import re
from collections.abc import Mapping

from harness.errors import EnvironmentFailedError

_NAME = re.compile(r"\$\{(\w+)\}")


def expanded(values: Mapping[str, str], where: str) -> dict[str, str]:
    """The values with every ``${NAME}`` filled in.

    Raises:
        EnvironmentFailedError: naming the key and the variable that is not set.
    """
    return {key: expand(text, f"{where}.{key}") for key, text in values.items()}


def expand(text: str, where: str) -> str:
    """A value with every ``${NAME}`` filled in; raises as ``expanded``."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in os.environ:
            raise EnvironmentFailedError(f"{where}: {name} is not set; export {name}=… before the run")
        return os.environ[name]

    return _NAME.sub(value, text)
