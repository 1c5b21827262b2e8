"""The child program that reports requests to different listeners and prints what each of them received."""

from locust import User  # isort: skip - first: it patches the process

import json
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from locust.env import Environment
from locust.exception import RescheduleTask, StopUser

from harness.generator.http.request_event import RequestEvent
from harness.generator.recording.recorder import Recorder
from harness.record.samples import read_samples

ANSWER = SimpleNamespace(sent=0.0, status_code=200, raw_headers=[(b"x-cache", b"hit")])
BROKEN = SimpleNamespace(sent=0.0, status_code=200, raw_headers=5)
REQUESTS: list[tuple[Any, ...]] = [
    ("GET", "/a", 1.5, 10, None, ANSWER, 0.0, "http://x/a", {}),
    ("GET", "/a", 2.5, 10, ValueError("no"), ANSWER, 0.0, "http://x/a", {}),
    ("POST", "/b", 3.5, 0, None, BROKEN, 0.0, "http://x/b", {"user": 1}),
    ("GET", "/a", 4.5, 10, None, ANSWER, 0.0, "http://x/a", {}),
]


class Quiet(User):
    host = "http://127.0.0.1:9"


def raising(error: type[Exception]) -> Callable[..., None]:
    def listen(**_: object) -> None:
        raise error("meant")

    return listen


def reported(*more: Callable[..., None], through: str, late: bool = False) -> dict[str, Any]:
    environment = Environment(user_classes=[Quiet])
    environment.create_local_runner()
    event = environment.events.request
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder))
        event.add_listener(recorder.on_request)
        report = RequestEvent(event)
        raised: list[str | None] = []
        for number, request in enumerate(REQUESTS):
            if number == (2 if late else 0):
                for listener in more:
                    event.add_listener(listener)
            raised.append(told(report, event, request, through))
        recorder.close()
        rows = [[row[key] for key in ("endpoint", "duration_ns", "error", "cache")]
                for row in read_samples(Path(folder)).to_pylist()]  # fmt: skip
    entries = environment.stats.entries.values()
    counted = [(e.method, e.name, e.num_requests, e.num_failures, e.total_response_time) for e in entries]
    return {"rows": rows, "counted": counted, "raised": raised}


def told(report: RequestEvent, event: Any, request: tuple[Any, ...], through: str) -> str | None:  # noqa: ANN401 - a hook
    keys = ("request_type", "name", "response_time", "response_length", "exception", "response", "start_time", "url",
            "context")  # fmt: skip
    try:
        if through == "fire":
            event.fire(**dict(zip(keys, request, strict=True)))
        else:
            report.report(*request)
    except Exception as error:  # noqa: BLE001 - what a task would have to live with
        return type(error).__name__
    return None


def main() -> None:
    logging.disable()
    found: dict[str, Any] = {}
    for through in ("fire", "direct"):
        heard: list[Any] = []

        def hear(heard: list[Any] = heard, **arguments: object) -> None:
            heard.append(sorted((name, str(value)) for name, value in arguments.items()))

        found[through] = {
            "nobody else": reported(through=through),
            "a listener": reported(hear, through=through),
            "a listener that comes late": reported(hear, through=through, late=True),
            "one that raises": reported(raising(KeyError), hear, through=through),
            "one that stops the user": reported(raising(StopUser), hear, through=through),
            "one that begins again": reported(raising(RescheduleTask), through=through, late=True),
        }
        found[through]["heard"] = heard
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
