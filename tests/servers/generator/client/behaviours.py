"""Behaviours of hostile servers: the bytes they send and when they close."""

import re
import time

from tests.servers.generator.client.hostile import Behaviour, Peer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    lines = "".join(f"{line}\r\n" for line in (*fields, f"Content-Length: {len(body)}"))
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def redirect(location: str, *fields: str, status: str = "302 Found") -> bytes:
    return answer(b"moved", f"Location: {location}", *fields, status=status)


def says(*answers: bytes) -> Behaviour:
    """One response after the other on any connection; the last one is repeated."""
    left = list(answers)

    def behave(peer: Peer) -> None:
        while peer.asked():
            peer.say(left.pop(0) if len(left) > 1 else left[0])

    return behave


def hangs_up(*answers: bytes) -> Behaviour:
    """One response per connection, then close."""

    def behave(peer: Peer) -> None:
        if peer.asked():
            peer.say(answers[min(peer.number, len(answers) - 1)])

    return behave


def resets(said: bytes) -> Behaviour:
    def behave(peer: Peer) -> None:
        peer.asked()
        peer.say(said)
        time.sleep(0.1 if said else 0)  # a reset overtakes what was said and not yet read
        peer.reset()

    return behave


def drips(data: bytes, size: int = 1, seconds: float = 0.1) -> Behaviour:
    def behave(peer: Peer) -> None:
        peer.asked()
        for start in range(0, len(data), size):
            peer.say(data[start : start + size])
            time.sleep(seconds)
        peer.until_gone()

    return behave


def floods(head: bytes, data: bytes) -> Behaviour:
    def behave(peer: Peer) -> None:
        peer.asked()
        peer.say(head)
        while True:
            peer.say(data)

    return behave


def falls_silent(said: bytes = b"") -> Behaviour:
    def behave(peer: Peer) -> None:
        peer.asked()
        peer.say(said)
        peer.until_gone()

    return behave


def says_later(said: bytes, later: bytes) -> Behaviour:
    def behave(peer: Peer) -> None:
        peer.asked()
        peer.say(said)
        time.sleep(0.2)
        peer.say(later)

    return behave


def answers_by_path(table: dict[bytes, bytes]) -> Behaviour:
    def behave(peer: Peer) -> None:
        while (head := peer.head()) is not None:
            peer.body(head)
            peer.say(table.get(head.split(b" ")[1], OK))

    return behave


def sends_elsewhere(peer: Peer) -> None:
    """Redirects to the same server under its other name, which is another host."""
    while (head := peer.head()) is not None:
        port = re.search(rb"Host: 127.0.0.1:(\d+)", head)
        peer.say(redirect(f"http://localhost:{int(port[1])}/") if port else OK)


def speaks_first(peer: Peer) -> None:
    peer.say(answer(b"early"))
    says(OK)(peer)


def refuses_early(peer: Peer) -> None:
    """413 after a part of the body; reads on, and takes any other bytes for a new request."""
    head = peer.head()
    if head is not None and head.startswith(b"POST"):
        peer.say(answer(b"too much", status="413 Content Too Large"))
    elif head is not None:
        peer.say(OK)
    peer.until_gone()


def expects(said: bytes, *, asks_for_body: bool) -> Behaviour:
    """Responds to the head of a request with ``said``, and to its body with 200."""

    def behave(peer: Peer) -> None:
        while (head := peer.head()) is not None:
            if b"Expect" in head:
                peer.say(said)
            if asks_for_body or b"Expect" not in head:
                peer.say(answer(str(len(peer.body(head))).encode()))

    return behave


def counts_body(peer: Peer) -> None:
    while (head := peer.head()) is not None:
        peer.say(answer(str(len(peer.body(head))).encode()))


def breaks_on_second(peer: Peer) -> None:
    """The first connection closes during the second request, without a response."""
    if peer.number > 0:
        says(OK)(peer)
    elif peer.asked():
        peer.say(OK)
        peer.asked()


def says_goodbye_after(seconds: float) -> Behaviour:
    def behave(peer: Peer) -> None:
        if peer.asked():
            peer.say(OK)
            time.sleep(seconds)

    return behave
