"""Endpoints: the requests that a user file can send, read from its source without running it.

A target for an endpoint that no user file requests is refused; a file that computes a name may request anything.
"""

import ast
from pathlib import Path

METHODS = {"get": "GET", "post": "POST", "put": "PUT", "patch": "PATCH", "delete": "DELETE", "head": "HEAD"}


def endpoints_of(path: Path) -> set[str] | None:
    """The endpoints of one file, as samples name them; ``None`` when the file computes some. Raises ``SyntaxError``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr == "request" and _on_client(node.func):
            return None
        method = METHODS.get(node.func.attr)
        if method is None or not _on_client(node.func):
            continue
        name = _name(node)
        if name is None:
            return None
        found.add(f"{method} {name}")
    return found


def _on_client(function: ast.Attribute) -> bool:
    owner = function.value
    return isinstance(owner, ast.Attribute) and owner.attr == "client"


def _name(call: ast.Call) -> str | None:
    named = [keyword.value for keyword in call.keywords if keyword.arg in {"name", None}]
    value = named[0] if named else call.args[0] if call.args else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
