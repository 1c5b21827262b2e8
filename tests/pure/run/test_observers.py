"""What a person is told while workers are waited for."""

import pytest

from harness.cli.progress import LineObserver, PlainObserver
from harness.plan.file import parse_plan
from harness.record.leg import Leg
from harness.run.generator_process import Progress
from harness.testing import PLAN, synthetic_setup


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress(0.0, workers=1, wanted=3), "block 1 of 2 · after · waiting for workers: 1 of 3"),
        (Progress(33.0), "block 1 of 2 · after · waiting for the last answers"),
    ],
)
def test_waiting_is_said(progress: Progress, said: str) -> None:
    heard: list[str] = []
    plan = parse_plan(PLAN)
    observer = PlainObserver(plan, lambda **_: "a line", heard.append)
    observer.leg(Leg(1, 1, "after"), synthetic_setup(plan))
    observer._last = 0.0
    observer.progress(progress)
    assert heard[-1] == said


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ('kind = "local"\nserve = "serve --port {port}"', "resetting and starting the service"),
        ('kind = "external"\nswitch = "switch {arm}"', "waiting for the service"),
    ],
)
def test_a_service_that_runs_already_is_not_said_to_be_started(kind: str, said: str) -> None:
    heard: list[str] = []
    text = PLAN.replace('kind = "local"\nserve = "serve --port {port}"', kind)
    if "external" in kind:
        text = text.replace("[arms.before]", '[arms.before]\nurl = "http://a"')
        text = text.replace("[arms.after]", '[arms.after]\nurl = "http://a"')
    plan = parse_plan(text)
    PlainObserver(plan, lambda **_: "a line", heard.append).leg(Leg(1, 1, "after"), synthetic_setup(plan))
    assert heard == [f"block 1 of 2 · after · {said}"]


def test_requests_are_followed_under_the_name_of_what_they_are_asked_for() -> None:
    heard: list[tuple[str, bool]] = []

    class Hearing(LineObserver):
        def show(self, text: str, *, news: bool) -> None:
            heard.append((text, news))

    observer = Hearing(parse_plan(PLAN), lambda **_: "a line")
    observer.say("reading plans · after")
    observer.requested("after", 120, 300)
    assert heard == [("reading plans · after", True), ("reading plans · after: 120 of 300", False)]
