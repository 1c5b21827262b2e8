"""The child program that runs clients: Locust patches the process that imports it, which must not be pytest's.

It reads jobs as JSON from standard input and prints their results. Jobs run one after the other; those that only wait
run beside the others.
"""

from locust import FastHttpUser, User  # isort: skip - first: it patches the process

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gevent
from gevent.monkey import get_original
from locust.env import Environment

from harness.generator import HttpUser
from harness.generator.recording.recorder import Recorder
from harness.record.samples import read_samples

KINDS: dict[str, type[User]] = {"lean": HttpUser, "fast": FastHttpUser}
MOST_SECONDS = 15
block = get_original("time", "sleep")


def main() -> None:
    jobs: dict[str, dict[str, Any]] = json.load(sys.stdin)
    gevent.get_hub().threadpool.apply(len, ((),))  # whatever it opens is there from now on
    before = _sockets()
    greenlets = {}
    for name, job in sorted(jobs.items(), key=lambda item: item[1].get("waits", False)):
        greenlets[name] = gevent.spawn(_done, job)
        if not job.get("waits"):
            greenlets[name].join(MOST_SECONDS)
    gevent.joinall(list(greenlets.values()), timeout=MOST_SECONDS)
    results = {name: greenlet.value if greenlet.ready() else "hangs" for name, greenlet in greenlets.items()}
    json.dump({"results": results, "leaked": len(_sockets() - before)}, sys.stdout)


def _sockets() -> set[str]:
    found = set()
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):  # the one that lists them is gone
            found.add(str(descriptor.readlink()))
    return {target for target in found if target.startswith("socket:")}


def _done(job: dict[str, Any]) -> dict[str, Any]:
    environment = Environment()
    kind = type("Visitor", (KINDS[job.get("kind", "lean")],), {"host": job["host"], **job.get("user", {})})
    user = kind(environment)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder))
        environment.events.request.add_listener(recorder.on_request)
        counted: list[str] = []
        environment.events.request.add_listener(lambda name, **_: counted.append(name))
        started = time.perf_counter()
        if job.get("together"):
            greenlets = [gevent.spawn(_called, user, call) for call in job["calls"]]
            if job.get("leaves"):
                gevent.sleep(0.1)
                user.client.close()
            seen = [greenlet.get() for greenlet in greenlets]
        else:
            seen = [_called(user, call) for call in job["calls"]]
        seconds = time.perf_counter() - started
        if not job.get("leaves"):
            user.client.close()
        recorder.close()
        keys = ("endpoint", "status", "error", "size_bytes", "duration_ns")
        samples = [[row[key] for key in keys] for row in read_samples(Path(folder)).to_pylist()]
    return {"samples": samples, "seen": seen, "seconds": seconds, "counted": len(counted)}


def _called(user: Any, call: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - either user
    arguments = dict(call)
    method, url = arguments.pop("method", "GET"), arguments.pop("url", "/")
    gevent.sleep(arguments.pop("after", 0))
    block(arguments.pop("blocked", 0))  # nothing else runs meanwhile, not even the event loop
    if "bytes" in arguments:
        arguments["data"] = b"x" * arguments.pop("bytes")
    read = arguments.pop("read", "text")
    try:
        response = user.client.request(method, url, **arguments)
        if read == "nothing":
            return {}
        if read == "parts":
            return {"parts": [len(part) for part in response.iter_content(decode_content=False)]}
        text = response.text
        return {"status": response.status_code, "text": text and text[:100], "length": text and len(text)}
    except Exception as error:  # noqa: BLE001 - what a task would have to live with
        return {"raised": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
