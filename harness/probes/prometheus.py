"""The Prometheus metrics of services, once a second."""

import math
import time
from collections.abc import Mapping, Sequence
from functools import partial

import requests
from prometheus_client.parser import text_string_to_metric_families

from harness.probes.reader import Probe, ticks

INTERVAL_SECONDS = 1.0
ANSWER_SECONDS = 0.8


class MetricsProbe(Probe):
    """``rows`` are ``(wall-clock ns, service, series, value)``; a series is ``breaker_open{guards="database"}``.

    A service that does not answer has no rows; its requests fail too.
    """

    record = "metrics"

    def __init__(self, urls: Mapping[str, str], read: Sequence[str]) -> None:
        super().__init__({f"metrics of {name}": partial(self._run, name, url) for name, url in urls.items()})
        self._read = frozenset(read)

    def _run(self, service: str, url: str) -> None:
        with requests.Session() as session:
            session.trust_env = False
            for _ in ticks(self._done, INTERVAL_SECONDS):
                at_ns = time.time_ns()
                try:
                    response = session.get(url, timeout=ANSWER_SECONDS)
                    found = rows_of(response.text, self._read) if response.ok else []
                except (requests.RequestException, ValueError):
                    found = []
                self.rows += [(at_ns, service, series, value) for series, value in found]


def rows_of(text: str, names: frozenset[str]) -> list[tuple[str, float]]:
    """Finite values of the named metrics, with or without ``_total``, by series; raises ``ValueError`` if malformed."""
    return [
        (_series(sample.name, sample.labels), float(sample.value))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if {sample.name, family.name} & names and math.isfinite(sample.value)
    ]


def _series(name: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{pairs}}}" if pairs else name
