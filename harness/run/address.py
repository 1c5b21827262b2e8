"""The address where workers connect to a run, and the check that only this machine can reach it."""

import ipaddress
import socket
from dataclasses import dataclass

from harness.errors import AddressError

DEFAULT = "127.0.0.1:5557"
PORTS = 65_536
REMOTE = f"""other machines can reach this address.
Locust's protocol has no encryption and no authentication: anybody who reaches the port can read the plan and the user
files and disturb the run, and a false master can run code on a worker.
Use a tunnel, with {DEFAULT} on both sides:
  ssh -N -R 5557:{DEFAULT} WORKER     on the machine of the run, or
  ssh -N -L 5557:{DEFAULT} RUN        on the machine of the worker (docs/workers.md; it describes WireGuard too)
On a network that only you use, --allow-remote accepts the address."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host name or IP address, and a port."""

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
    """The address in an option; raises ``AddressError`` if malformed, or not local unless ``allow_remote``."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < PORTS:
        raise AddressError(f"{option} {text}: write HOST:PORT, as in {DEFAULT}")
    address = Address(host.strip("[]"), int(port))
    if not (address.loopback or allow_remote):
        raise AddressError(f"{option} {text}: {REMOTE}")
    return address


def try_to_bind(option: str, address: Address) -> None:
    """Bind an address once, before anything is started; raises ``AddressError`` if it cannot be bound."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address.host, address.port))
        except OSError as error:
            what = f"{option} {address.host}:{address.port}: {error.strerror}; choose another address"
            raise AddressError(what) from error
