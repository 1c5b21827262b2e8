"""Advice: what to do about well-known errors of engines, registries, servers and services."""

_FULL = "the disk is full: free some, docker system df says what Docker holds"
_PORT = "another program has that port: end it, or change the port"
_IMAGE = "the image cannot be had: check its name and the network, or docker login"
_KNOWN = {
    "no space left on device": _FULL,
    "address already in use": _PORT,
    "port is already allocated": _PORT,
    "pull access denied": _IMAGE,
    "manifest unknown": _IMAGE,
    "not found: manifest": _IMAGE,
    "failed to resolve reference": _IMAGE,
    '/v2/": ': _IMAGE,
    "is the docker daemon running": "start Docker again",
}


def advice(text: str) -> str:
    """What to do about a message or a log, in brackets after a space; empty where nothing is known."""
    low = text.lower()
    return next((f" ({what})" for sign, what in _KNOWN.items() if sign in low), "")
