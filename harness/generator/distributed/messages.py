"""Messages: what master and workers say to each other, over Locust's own protocol (zmq, msgpack).

worker                              master
hello   who I am                →
←   job      plan, user files, seed, addresses, which share
ping    my time                 →
←   pong     my time
ready   offset of the clocks    →
←   go       the origin of the leg, on the worker's clock
(users are spawned and counted by Locust's own messages; samples and readings are in its reports)
←   taken    the parts that are on disk
←   finish   how long users may take to end
done    the worker's own count  →
←   bye      whether another leg follows
failed  why                     →            instead of ready or done
"""

from locust import runners

HEARTBEAT_SECONDS, HEARTBEATS_MISSED = 1, 2
MASTER_SILENT_SECONDS = 10.0
REPORT_SECONDS = 1.0
KEY = "harness"
"""Where reports carry what is not Locust's."""

HELLO, JOB, PING, PONG, READY, GO, TAKEN, FINISH, DONE, BYE, FAILED = (
    f"harness_{name}"
    for name in ("hello", "job", "ping", "pong", "ready", "go", "taken", "finish", "done", "bye", "failed")
)


def set_intervals() -> None:
    """Report and beat more often than Locust does: a worker is missed after three seconds, not five.

    Locust reads these when it uses them, in both programs. A report every second keeps the live line alive.
    """
    runners.HEARTBEAT_INTERVAL = HEARTBEAT_SECONDS
    runners.HEARTBEAT_LIVENESS = HEARTBEATS_MISSED
    runners.WORKER_REPORT_INTERVAL = REPORT_SECONDS
    runners.WORKER_LOG_REPORT_INTERVAL = -1  # the worker's log is a file where it runs
