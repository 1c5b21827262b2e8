"""What to do about well-known errors of Docker, registries, servers and services."""

_FULL = "the disk is full: free some space; docker system df shows what Docker uses"
_PORT = "another program uses that port: stop it, or change the port"
_IMAGE = "the image cannot be pulled: check its name and the network, or run docker login"
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
    """Advice on an error message or log, in brackets after a space; ``""`` if none is known."""
    return next((f" ({what})" for sign, what in _KNOWN.items() if sign in text.lower()), "")
