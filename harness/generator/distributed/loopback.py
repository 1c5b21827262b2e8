"""The address of a service on the master's machine, as a worker's machine reaches it."""

from urllib.parse import urlsplit, urlunsplit


def reachable(url: str, master: str) -> str:
    """A base URL on this machine: the loopback of a remote master becomes the master's address."""
    parts = urlsplit(url)
    if _loopback(master) or not _loopback(parts.hostname or ""):
        return url
    host = f"[{master}]" if ":" in master else master
    return urlunsplit(parts._replace(netloc=host if parts.port is None else f"{host}:{parts.port}"))


def _loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
