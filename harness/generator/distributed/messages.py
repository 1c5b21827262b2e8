"""Messages between master and workers, over Locust's own protocol (zmq, msgpack).

worker                              master
hello   host, process, version  →
←   job      plan, user files, seed, addresses, share
ping    worker's time           →
←   pong     master's time
ready   offset of the clocks    →
←   go       the origin of the leg, on the worker's clock
(Locust's own messages spawn and count users; samples and readings are in its reports)
←   taken    the parts that are on disk
←   finish   seconds that users have to end
done    the worker's counts     →
←   bye      whether another leg follows
failed  reason                  →            instead of ready or done
"""

from locust import runners

HEARTBEAT_SECONDS, HEARTBEATS_MISSED = 1, 2
MASTER_SILENT_SECONDS = 10.0
KEY = "harness"
"""The key of the harness's data in Locust's reports."""

HELLO, JOB, PING, PONG, READY, GO, TAKEN, FINISH, DONE, BYE, FAILED = (
    f"harness_{name}"
    for name in ("hello", "job", "ping", "pong", "ready", "go", "taken", "finish", "done", "bye", "failed")
)


def set_intervals() -> None:
    """Report and send heartbeats more often than Locust: a worker is missing after three seconds, not five."""
    runners.HEARTBEAT_INTERVAL = HEARTBEAT_SECONDS
    runners.HEARTBEAT_LIVENESS = HEARTBEATS_MISSED
    runners.WORKER_REPORT_INTERVAL = 1.0
    runners.WORKER_LOG_REPORT_INTERVAL = -1  # the worker's log is a file where it runs
