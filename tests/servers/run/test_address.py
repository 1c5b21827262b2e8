"""Addresses: what is one, and which ones other machines reach."""

import socket

import pytest

from harness.errors import AddressError
from harness.run.address import Address, parse_address, try_to_bind


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:5557", Address("127.0.0.1", 5557)),
        ("127.8.8.8:1", Address("127.8.8.8", 1)),
        ("localhost:65535", Address("localhost", 65535)),
        ("[::1]:5557", Address("::1", 5557)),
    ],
)
def test_the_loopback_is_taken_as_it_is(text: str, address: Address) -> None:
    assert parse_address("--bind", text, allow_remote=False) == address


@pytest.mark.parametrize("text", ["0.0.0.0:5557", "10.0.0.5:5557", "[::]:5557", "host.example:5557"])
def test_what_others_reach_must_be_meant(text: str) -> None:
    with pytest.raises(AddressError, match="no encryption and no authentication"):
        parse_address("--bind", text, allow_remote=False)
    assert not parse_address("--bind", text, allow_remote=True).loopback


@pytest.mark.parametrize("text", ["", "5557", ":5557", "localhost", "localhost:", "localhost:0", "a:65536", "a:b"])
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(AddressError, match="write HOST:PORT, as in 127"):
        parse_address("--master", text, allow_remote=True)


def test_a_port_that_is_taken_is_found_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(AddressError, match=f"--bind 127.0.0.1:{port}: Address already in use"):
            try_to_bind("--bind", Address("127.0.0.1", port))
    try_to_bind("--bind", Address("127.0.0.1", port))
