"""The Prometheus metrics of a service: the named series, once a second, and nothing from other responses."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from harness.probes.prometheus import MetricsProbe, rows_of

TEXT = """\
# HELP breaker_open 1 open, 0.5 half open, 0 closed.
# TYPE breaker_open gauge
breaker_open{guards="database"} 0.0
breaker_open{zone="b",guards="cache"} 1.0
# TYPE hits_total counter
hits_total 12.0
# TYPE seconds histogram
seconds_bucket{le="1.0"} 3
seconds_bucket{le="+Inf"} 4
seconds_count 4
seconds_sum 5.5
untyped 7
idle_ratio NaN
limit_bytes +Inf
"""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("breaker_open", {'breaker_open{guards="database"}': 0.0, 'breaker_open{guards="cache",zone="b"}': 1.0}),
        ("hits", {"hits_total": 12.0}),
        ("hits_total", {"hits_total": 12.0}),
        ("seconds_sum", {"seconds_sum": 5.5}),
        ("untyped", {"untyped": 7.0}),
        ("breaker", {}),
        ("idle_ratio", {}),
        ("limit_bytes", {}),
    ],
)
def test_a_metric_is_read_by_its_name_in_all_its_series(name: str, found: dict[str, float]) -> None:
    assert dict(rows_of(TEXT, frozenset({name}))) == found


@pytest.mark.parametrize("text", ["<html>no metrics</html>", "breaker_open{", "breaker_open one"])
def test_what_is_no_answer_of_that_form_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the parser says
        rows_of(text, frozenset({"breaker_open"}))


class Service(BaseHTTPRequestHandler):
    """Tells how often it was asked; every second answer is none."""

    asked = 0

    def do_GET(self) -> None:
        """Answer."""
        Service.asked += 1
        body = f"asked {Service.asked}\n".encode() if Service.asked % 2 else b"\xff<not metrics"
        self.send_response(200 if Service.asked % 3 else 500)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    Service.asked = 0
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/metrics"
        server.shutdown()


def test_readings_go_on_past_answers_that_are_none(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.probes.prometheus.INTERVAL_SECONDS", 0.05)
    begun = time.time_ns()
    with MetricsProbe({"api": service, "gone": "http://127.0.0.1:9/metrics"}, ["asked"]) as probe:
        while Service.asked < 8:
            time.sleep(0.01)
    assert [(source, name, value) for _, source, name, value in probe.rows][:3] == [
        ("api", "asked", 1.0),
        ("api", "asked", 5.0),
        ("api", "asked", 7.0),
    ]
    assert all(begun <= at <= time.time_ns() for at, *_ in probe.rows)
