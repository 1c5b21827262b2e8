"""SIGTERM and SIGHUP: clean up before exit."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn


class Terminated(BaseException):
    """SIGTERM or SIGHUP as an exception, so that context managers clean up."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Raise ``Terminated`` on SIGTERM and SIGHUP within the context."""

    def terminate(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = {number: signal.signal(number, terminate) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
