"""What reading beside a load costs is what its threads used of the processor, and not how long they waited."""

import time

from harness.probes.reader import Reader


def busy() -> None:
    while time.thread_time() < 0.05:
        pass


def test_the_cost_of_a_reader_is_the_cpu_of_its_threads() -> None:
    reader = Reader({"one": busy, "other": busy, "waits": lambda: time.sleep(0.5)})
    with reader:
        pass
    assert 0.1 <= reader.seconds < 0.3
