"""Reports requests to the listeners of Locust's request event.

Where only Locust's statistics and the recorder listen, they are called directly, in their order and with Locust's error
handling. With any other listener, Locust's ``fire`` is called.
"""

import logging
import traceback
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from locust import log
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser

CONTROL_FLOW = (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)
"""Errors of listeners that the user's task gets; others are logged."""
STATISTICS = "locust.runners", "Runner.__init__.<locals>.on_request"
RECORDER = "harness.generator.recording.recorder", "Recorder.on_request"


class RequestEvent:
    """The listeners of one request event."""

    def __init__(self, event: Any) -> None:  # noqa: ANN401 - Locust's hook
        self.fire = event.fire
        self._event = event
        self._listeners: list[Any] = []
        self._direct: list[tuple[Any, bool]] | None = None
        """Each listener, and whether it takes the response; ``None`` when an unknown one listens."""

    def report(  # noqa: PLR0913, PLR0917 - the event's own arguments, by position
        self,
        request_type: str,
        name: str,
        response_time: float,
        response_length: int,
        exception: Exception | None,
        response: Any,  # noqa: ANN401 - whatever the client calls its response
        start_time: float,
        url: str,
        context: Mapping[str, Any],
    ) -> None:
        """Report a request; ``response_time`` in ms. Raises what a listener raises for the user's task."""
        if self._event._handlers != self._listeners:  # noqa: SLF001 - not public in Locust
            self._listeners = self._event._handlers.copy()  # noqa: SLF001
            names = [(getattr(one, "__module__", ""), getattr(one, "__qualname__", "")) for one in self._listeners]
            known = all(name in {STATISTICS, RECORDER} for name in names)
            self._direct = [*zip(self._listeners, (name == RECORDER for name in names), strict=True)] if known else None
        if self._direct is None:
            self.fire(
                request_type=request_type,
                response_time=response_time,
                name=name,
                context=context,
                exception=exception,
                start_time=start_time,
                url=url,
                response_length=response_length,
                response=response,
            )
            return
        for listen, with_response in self._direct:
            try:
                if with_response:
                    listen(request_type, name, response_time, response_length, exception, response, start_time)
                else:
                    listen(request_type, name, response_time, response_length, exception)
            except CONTROL_FLOW:
                raise
            except Exception:  # noqa: BLE001 - as Locust does
                logging.error("Uncaught exception in event handler: \n%s", traceback.format_exc())  # noqa: LOG015, TRY400
                log.unhandled_greenlet_exception = True


request_event_of = lru_cache(maxsize=8)(RequestEvent)
"""The ``RequestEvent`` of a hook, shared by all users."""
