"""Client: an HTTP user that costs a fraction of Locust's own, with the interface of Locust's FastHttpUser.

A user file changes one import: ``from harness.generator import HttpUser``. What differs from FastHttpUser: times for
connecting and answering are those of the whole connect and of the whole answer; bodies are decompressed when somebody
looks at them, and the length that is reported is the one that was received; a certificate is checked with
``insecure = False``; there is no proxy and no pool shared between users.
"""

from collections.abc import Callable
from typing import Any

from gevent.pool import Group
from locust import User
from locust.exception import StopTest
from locust.user.users import RestMixin

from harness.generator.connection import Limits
from harness.generator.session import HttpSession


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
    most_body_bytes: int = 64 * 1024 * 1024
    """A larger answer is a failure: what never ends must not fill the memory."""

    def __init__(self, environment: Any) -> None:  # noqa: ANN401 - Locust's environment
        super().__init__(environment)
        if self.host is None:
            raise StopTest("no base host: set host in the user class")
        kind = type(self)
        self.client = HttpSession(
            self.host,
            environment.events.request,
            self,
            limits=Limits(self.connection_timeout, self.network_timeout, self.most_body_bytes),
            max_redirects=self.max_redirects,
            insecure=self.insecure,
            ssl_context_factory=kind.ssl_context_factory,
            headers=self.default_headers,
        )

    def start(self, group: Group) -> Any:  # noqa: ANN401 - the greenlet, which Locust leaves untyped
        """Begin, and close the connections when it ends."""
        greenlet = super().start(group)
        greenlet.rawlink(lambda _: self.client.close())
        return greenlet
