"""Hostile servers: each request is one sample with a clear error, nothing hangs, nothing leaks.

Every behaviour is a real server on a socket; one child program visits them all at once, and the table holds the
expected status and error of each request.
"""

import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers.generator.client.cases import CASES
from tests.servers.generator.client.hostile import FullHouse, Hostile

ROOT = Path(__file__).parents[4]


@dataclass
class Visited:
    results: dict[str, Any]
    leaked: int
    servers: dict[str, Hostile | FullHouse]


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    context = self_signed(tmp_path_factory.mktemp("tls"))
    servers: dict[str, Hostile | FullHouse] = {
        name: Hostile(case.behaviour, context if case.tls else None)
        for name, case in CASES.items()
        if case.behaviour is not None
    }
    servers["no room"] = FullHouse()
    try:
        jobs = {}
        for name, case in CASES.items():
            port = servers[name].port if name in servers else free_port()
            late = any(
                "ResponseTimeoutError" in (error or "") for error in (case.raised, *(e for _, e in case.expected))
            )
            user = {"network_timeout": 1 if late else 20, **case.user}
            jobs[name] = {
                "host": case.host.replace("{port}", str(port)),
                "user": user,
                "calls": case.calls,
                "together": case.together,
                "leaves": case.leaves,
                "waits": case.seconds[0] > 0,
            }
        yield Visited(**visit(jobs), servers=servers)
    finally:
        for server in servers.values():
            server.close()


def visit(jobs: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.servers.generator.client.visitor"]
    done = subprocess.run(
        command, input=json.dumps(jobs), capture_output=True, text=True, timeout=90, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    visited: dict[str, Any] = json.loads(done.stdout)
    return visited


def self_signed(folder: Path) -> ssl.SSLContext:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
    return port


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_server_gives_a_sample_with_a_clear_error(visited: Visited, name: str) -> None:
    case, result = CASES[name], visited.results[name]
    assert result != "hangs"
    samples = [(status, error) for _, status, error, _, _ in result["samples"]]
    assert len(samples) == len(case.calls) == result["counted"], samples  # one for each request
    for (status, error), (expected_status, pattern) in zip(samples, case.expected, strict=True):
        assert status == expected_status, error
        assert error is None if pattern is None else re.fullmatch(pattern, error or ""), error
    raised = [seen["raised"] for seen in result["seen"] if "raised" in seen]
    assert len(raised) == (case.raised is not None), raised
    assert case.raised is None or re.fullmatch(case.raised, raised[0]), raised
    if case.texts is not None:
        assert [seen.get("text") for seen in result["seen"]] == case.texts
    least, most = case.seconds
    assert least <= result["seconds"] <= most + 4  # the machine may be busy
    server = visited.servers.get(name)
    if isinstance(server, Hostile):
        assert case.connections in {None, server.connections}
        if case.heard is not None:
            heard = [head.decode("latin-1") + "\r\n" for head in server.heard]
            assert len(heard) == len(case.heard), heard
            for head, pattern in zip(heard, case.heard, strict=True):
                assert re.fullmatch(pattern, head, re.DOTALL | re.IGNORECASE), head


def test_no_socket_is_left(visited: Visited) -> None:
    assert visited.leaked == 0
