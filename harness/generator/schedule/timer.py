"""A timer that is exact to microseconds; those of the event loop are late by up to a millisecond."""

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from gevent.hub import get_hub

_LIBRARY: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
_READ = 1
_MONOTONIC = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Timer:
    """Calls ``callback`` in the event loop at the time it was last set to, on ``time.perf_counter_ns``.

    On Linux a timer of the kernel, which the event loop polls like a socket (timerfd_create(2)); elsewhere a timer of
    the event loop.
    """

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._loop: Any = get_hub().loop
        descriptor: int = _LIBRARY.timerfd_create(_MONOTONIC, os.O_CLOEXEC | os.O_NONBLOCK) if _LIBRARY else -1
        self._descriptor = descriptor if descriptor >= 0 else None
        self._watcher: Any = None
        if self._descriptor is not None:
            self._spec = _Itimerspec()
            self._watcher = self._loop.io(self._descriptor, _READ)
            self._watcher.start(self._expired)

    def set(self, at_ns: int) -> None:
        """Call back at this time; at once when it has passed."""
        left = max(at_ns - time.perf_counter_ns(), 1)
        if self._descriptor is not None:
            self._spec.value.seconds, self._spec.value.nanoseconds = divmod(left, 1_000_000_000)
            _LIBRARY.timerfd_settime(self._descriptor, 0, ctypes.byref(self._spec), None)
            return
        if self._watcher is not None:
            self._watcher.close()
        self._watcher = self._loop.timer(left / 1e9)
        self._watcher.start(self._callback)

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _expired(self) -> None:
        if self._descriptor is not None:
            os.read(self._descriptor, 8)
            self._callback()
