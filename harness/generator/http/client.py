"""Client: an HTTP user that costs a fraction of Locust's own, with the interface of Locust's FastHttpUser.

A user file changes one import: ``from harness.generator import HttpUser``. What differs from FastHttpUser, on purpose:

- ``connection_timeout`` and ``network_timeout`` are those of the whole connect and of the whole answer, redirects
  included; FastHttpUser's are those of every single wait, which a server that drips never exceeds.
- Bodies are decompressed when somebody looks at them, and the length that is reported is the one that was received. One
  that cannot be decompressed is ``None``, and ``error`` says why: it fails the request if a with-block looks at it.
- A certificate is checked with ``insecure = False``.
- What cannot be sent (no address, a line break in a header field) is a failed request, never an exception in the task;
  a header field whose value is ``None`` is left out.
- The name and password of the host, and what ``headers`` and ``default_headers`` say in Authorization and Cookie, do
  not follow a redirect to another server.
- A request whose connection turns out to be closed is sent again on a new one if it is idempotent and got no answer.
- Every status below 400 is a success. ``url`` is the address of the last answer, query included. A response has no
  ``request``, ``elapsed`` or ``history``; ``headers`` of a request without an answer are empty, not ``None``.
- A file as ``data`` is read and goes whole, with its length; it is not sent in chunks.
- A user whose wait time is 0 goes on with its next task as soon as it has reported a request: that request let the
  others run. After a task without one, they come first.
- There is no proxy, no ``max_retries``, and no pool shared between users.
"""

import logging
import traceback
from collections.abc import Callable
from typing import Any

from gevent import GreenletExit
from gevent.pool import Group
from locust import User
from locust.exception import StopTest, StopUser
from locust.user.task import LOCUST_STATE_RUNNING
from locust.user.users import RestMixin

from harness.generator.http.connection import ConnectionLimits
from harness.generator.http.session import HttpSession
from harness.generator.http.task_loop import TaskLoop

logger = logging.getLogger("locust.user.users")


class HttpUser(User, RestMixin[Any]):
    """A user with an HTTP client; what it may set is called as in Locust's FastHttpUser."""

    abstract = True

    network_timeout: float = 60.0
    """Seconds until the whole answer has to be there."""
    connection_timeout: float = 60.0
    """Seconds for connecting, encryption included."""
    max_redirects: int = 30
    insecure: bool = True
    """Whether any certificate will do."""
    default_headers: dict[str, str] | None = None
    ssl_context_factory: Callable[[], Any] | None = None
    """A method or static method that returns the SSLContext; asked once by each user and server."""
    most_body_bytes: int = 64 * 1024 * 1024
    """A larger answer is a failure: what never ends must not fill the memory."""

    def __init__(self, environment: Any) -> None:  # noqa: ANN401 - Locust's environment
        super().__init__(environment)
        if self.host is None:
            raise StopTest("no base host: set host in the user class")
        self.client = self._harness_session = HttpSession(
            self.host,
            environment.events.request,
            self,
            limits=ConnectionLimits(self.connection_timeout, self.network_timeout, self.most_body_bytes),
            max_redirects=self.max_redirects,
            insecure=self.insecure,
            ssl_context_factory=self.ssl_context_factory,
            headers=self.default_headers,
        )

    def start(self, group: Group) -> Any:  # noqa: ANN401 - the greenlet, which Locust leaves untyped
        """Begin, and close the connections when it ends."""
        greenlet = super().start(group)
        greenlet.rawlink(lambda _: self.client.close())
        return greenlet

    def run(self) -> None:  # type: ignore[misc] # final, but its task set cannot be chosen otherwise
        """As Locust's, with ``TaskLoop`` for a task set."""
        self._state = LOCUST_STATE_RUNNING
        self._taskset_instance = TaskLoop(self, self._harness_session)
        try:
            try:
                self.on_start()
            except Exception as error:
                logger.error("%s\n%s", error, traceback.format_exc())  # noqa: TRY400 - the words of Locust
                if not isinstance(error, (StopUser, StopTest)):
                    self.environment.events.user_error.fire(user_instance=self, exception=error, tb=error.__traceback__)
                raise
            self._taskset_instance.run()
        except (GreenletExit, StopUser, StopTest):
            self.on_stop()
