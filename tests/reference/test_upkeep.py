"""Filled at start until it succeeds, refreshed by the hour, rebuilt by night."""

import asyncio
import logging
from datetime import UTC, datetime

import psycopg
import pytest

from reference_app.metrics import Metrics
from reference_app.upkeep import RENEWAL_SECONDS, Upkeep


class Recorded:
    """What a service would do, each as often as it fails first."""

    def __init__(self, outcomes: list[bool | Exception]) -> None:
        self.outcomes = outcomes
        self.calls: list[str] = []

    async def refresh(self) -> bool:
        return self._turn("refresh")

    async def rebuild(self) -> bool:
        return self._turn("rebuild")

    def _turn(self, name: str) -> bool:
        self.calls.append(name)
        outcome = self.outcomes.pop(0) if self.outcomes else True
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def test_warm_up_is_tried_until_it_succeeds(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("reference_app.upkeep._RETRY_SECONDS", 0.01)
    service = Recorded([psycopg.OperationalError("not yet"), False, True])

    async def run() -> None:
        async with Upkeep(service) as upkeep:
            assert not upkeep.is_warm
            while not upkeep.is_warm:  # noqa: ASYNC110 - what an orchestrator does
                await asyncio.sleep(0.01)

    with caplog.at_level(logging.WARNING):
        asyncio.run(asyncio.wait_for(run(), 5))
    assert service.calls == ["refresh"] * 3
    assert [record.getMessage() for record in caplog.records if record.name == "reference_app.upkeep"] == [
        "refresh failed: not yet",
        "refresh failed: the cache does not answer",
    ]


def test_it_comes_every_hour_and_every_night() -> None:
    async def turns() -> dict[str, list[datetime]]:
        async with Upkeep(Recorded([])) as upkeep:
            found = {}
            for job in upkeep.schedule():
                moments = [datetime(2026, 3, 1, 22, 30, tzinfo=UTC)]
                while len(moments) < 4:
                    moments.append(job.trigger.get_next_fire_time(moments[-1], moments[-1]))
                found[job.id] = moments[1:]
            return found

    found = asyncio.run(turns())
    assert [moment.strftime("%d %H:%M") for moment in found["refresh"]] == ["01 23:00", "02 00:00", "02 01:00"]
    assert [moment.strftime("%d %H:%M") for moment in found["rebuild"]] == ["02 00:05", "03 00:05", "04 00:05"]


def test_a_scheduled_turn_runs_and_its_failure_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    service = Recorded([True, psycopg.OperationalError("gone"), True])

    async def run() -> None:
        async with Upkeep(service) as upkeep:
            for job in upkeep.schedule():
                job.modify(next_run_time=datetime.now(UTC))
            while len(service.calls) < 3:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)
            assert await upkeep.refresh()

    with caplog.at_level(logging.WARNING):
        asyncio.run(asyncio.wait_for(run(), 5))
    assert sorted(service.calls[1:3]) == ["rebuild", "refresh"]
    assert "failed: gone" in caplog.text


class Kept(Recorded):
    """A service that keeps something in its database, and fails to renew it twice."""

    failures = 2

    async def renew(self) -> bool:
        if self.failures:
            self.failures -= 1
            raise psycopg.OperationalError("locked")
        return True


def test_what_the_database_keeps_is_renewed_from_the_start_and_what_fails_is_counted() -> None:
    service, metrics = Kept([]), Metrics()

    def told(name: str) -> float:
        lines = metrics.text().decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(name)), 0.0)

    async def run() -> None:
        async with Upkeep(service, metrics) as upkeep:
            (renewal,) = [job for job in upkeep.schedule() if job.id == "renew"]
            assert renewal.trigger.interval.total_seconds() == RENEWAL_SECONDS
            for failures in (1, 2, 0):
                while told('upkeep_failures{work="renew"}') != failures:  # noqa: ASYNC110 - there is no event to wait for
                    await asyncio.sleep(0.01)
                renewal.modify(next_run_time=datetime.now(UTC))

    asyncio.run(asyncio.wait_for(run(), 5))
    assert told('upkeep_runs_total{outcome="failed",work="renew"}') == 2
    assert told('upkeep_runs_total{outcome="done",work="renew"}') >= 1
    assert 0 <= told('upkeep_age_seconds{work="renew"}') < 5
    assert told('upkeep_runs_total{outcome="done",work="refresh"}') == 1
