"""Pure tests open no socket and start no process: whichever does belongs in tests/servers or tests/runs."""

import sys
from collections.abc import Iterator

import pytest

REFUSED = {"socket.__new__", "subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec"}
_pure = False


def _refuse(event: str, _: tuple[object, ...]) -> None:
    if _pure and event in REFUSED:
        pytest.fail(f"a test under tests/pure opens a socket or starts a process ({event}): move it to tests/servers")


sys.addaudithook(_refuse)


@pytest.fixture(scope="module", autouse=True)
def pure() -> Iterator[None]:
    """Refuses sockets and processes while a module of this folder runs; by an audit hook, which no alias escapes."""
    global _pure  # noqa: PLW0603 - an audit hook stays for good, so it is switched on and off
    _pure = True
    yield
    _pure = False
