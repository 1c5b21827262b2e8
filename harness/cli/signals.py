"""Signals: SIGTERM and SIGHUP clean up before the harness ends."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn


class Terminated(BaseException):
    """SIGTERM, raised like a KeyboardInterrupt so that everything is cleaned up."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Within the context, SIGTERM and SIGHUP raise ``Terminated``."""

    def terminate(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = {number: signal.signal(number, terminate) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
