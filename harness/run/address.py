"""Address: the host and port where workers connect to a run, and the check that only this machine reaches it."""

import ipaddress
import socket
from dataclasses import dataclass

from harness.errors import AddressError

DEFAULT = "127.0.0.1:5557"
PORTS = 65_536
REMOTE = f"""not an address of this machine alone.
Master and workers speak Locust's protocol, which neither encrypts nor asks who is there: whoever reaches the port can
read the plan and the user files and spoil the run, and whoever answers a worker can run code on it.
Better go through a tunnel to the port, so that both sides keep {DEFAULT}:
  ssh -N -R 5557:{DEFAULT} WORKER     on the machine of the run, or
  ssh -N -L 5557:{DEFAULT} RUN        on that of the worker (docs/workers.md; WireGuard is there too)
--allow-remote takes the address as it is: on a network where only you are."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host, by name or number, and a port."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect to it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_address(option: str, text: str, *, allow_remote: bool) -> Address:
    """Read ``HOST:PORT`` as an option gave it.

    Raises:
        AddressError: when it is malformed, or other machines reach it and ``allow_remote`` is false.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < PORTS:
        raise AddressError(f"{option} {text}: write HOST:PORT, as in {DEFAULT}")
    address = Address(host.strip("[]"), int(port))
    if not (address.loopback or allow_remote):
        raise AddressError(f"{option} {text}: {REMOTE}")
    return address


def try_to_bind(option: str, address: Address) -> None:
    """Try to listen on an address, before anything is started.

    Raises:
        AddressError: when it cannot.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address.host, address.port))
        except OSError as error:
            raise AddressError(
                f"{option} {address.host}:{address.port}: {error.strerror}; choose another address"
            ) from error
