"""Loopback: where a service of the master's machine is, seen from a worker's."""

from urllib.parse import urlsplit, urlunsplit


def reachable(url: str, master: str) -> str:
    """A base URL as this machine has to write it: the loopback of a master elsewhere is the master's machine."""
    parts = urlsplit(url)
    if _loopback(master) or not _loopback(parts.hostname or ""):
        return url
    host = f"[{master}]" if ":" in master else master
    return urlunsplit(parts._replace(netloc=host if parts.port is None else f"{host}:{parts.port}"))


def _loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
