"""The progress lines of a run."""

import pytest

from harness.cli.progress import LineObserver, PlainObserver
from harness.plan.file import parse_plan
from harness.record.leg import Leg
from harness.run.generator_process import Progress
from tests.doubles import PLAN, synthetic_setup


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress(0.0, workers=1, wanted=3), "block 1 of 2 · after · waiting for workers: 1 of 3"),
        (Progress(33.0), "block 1 of 2 · after · waiting for the last responses"),
    ],
)
def test_waiting_is_shown(progress: Progress, line: str) -> None:
    lines: list[str] = []
    plan = parse_plan(PLAN)
    observer = PlainObserver(plan, lines.append)
    observer.leg(Leg(1, 1, "after"), synthetic_setup(plan))
    observer._last = 0.0
    observer.progress(progress)
    assert lines[-1] == line


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ('kind = "local"\nserve = "serve --port {port}"', "resetting and starting the service"),
        ('kind = "external"\nswitch = "switch {arm}"', "waiting for the service"),
    ],
)
def test_an_external_service_is_waited_for_not_started(kind: str, line: str) -> None:
    lines: list[str] = []
    text = PLAN.replace('kind = "local"\nserve = "serve --port {port}"', kind)
    if "external" in kind:
        text = text.replace("[arms.before]", '[arms.before]\nurl = "http://a"')
        text = text.replace("[arms.after]", '[arms.after]\nurl = "http://a"')
    plan = parse_plan(text)
    PlainObserver(plan, lines.append).leg(Leg(1, 1, "after"), synthetic_setup(plan))
    assert lines == [f"block 1 of 2 · after · {line}"]


def test_requests_are_counted_under_the_present_step() -> None:
    lines: list[tuple[str, bool]] = []

    class Recorder(LineObserver):
        def show(self, text: str, *, update: bool = False) -> None:
            lines.append((text, update))

    observer = Recorder(parse_plan(PLAN))
    observer.say("reading query plans · after")
    observer.requested("after", 120, 300)
    assert lines == [("reading query plans · after", False), ("reading query plans · after: 120 of 300 requests", True)]
