"""N+1: statements that run once for each row that another statement of the same request returned.

For each request, the runs and rows of each statement are known. A statement is repeated when its runs are proportional
to the rows of another: runs = slope x rows, by least squares through the origin. A slope near 1 is one statement per
row; fetching rows in batches has a slope near 0. Where only response headers count statements, a line with intercept is
fitted to statements against the items of the responses.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.record.request_work import CorpusRequest, RequestWork

LEAST_RUNS = 3.0  # mean runs per request from which a statement counts as repeated
LEAST_STEADY_RUNS = 5.0
"""The same where all requests return equally many rows: three rows and three runs may be coincidence."""
LEAST_SLOPE = 0.5
MOST_ERROR = 0.1  # the largest mean error, as a share of the mean runs
LEAST_FIT = 0.8  # the least coefficient of determination of a line through statements and items


@dataclass(frozen=True, slots=True)
class RepeatedStatement:
    """A statement that runs once for each row."""

    endpoint: str
    statement: str  # its fingerprint; empty where only response headers count statements
    text: str
    driver: str  # the text of the statement that returns the rows; empty where the items of responses are counted
    runs: float  # mean runs per request that missed the cache
    slope: float  # runs per row
    requests: int  # how many were analysed


def repeated_statements(work: RequestWork) -> dict[str, RepeatedStatement]:
    """The statement with most runs of each endpoint that has an N+1."""
    found = {endpoint: _worst(endpoint, work) for endpoint in work.endpoints}
    return {endpoint: statement for endpoint, statement in found.items() if statement}


def _worst(endpoint: str, work: RequestWork) -> RepeatedStatement | None:
    requests = [one for one in work.of(endpoint) if not one.hit]
    if not requests:
        return None
    if work.missing:
        return _by_responses(endpoint, requests)
    return max(_by_statements(endpoint, requests, work), key=lambda one: one.runs, default=None)


def _by_statements(endpoint: str, requests: Sequence[CorpusRequest], work: RequestWork) -> Iterator[RepeatedStatement]:
    shape = len(requests), len(work.statements)
    runs, rows = np.zeros(shape), np.zeros(shape)
    for place, one in enumerate(requests):
        for run in one.work:
            runs[place, run.statement], rows[place, run.statement] = run.counts.calls, run.counts.rows
    returning = [other for other in np.flatnonzero(rows.any(axis=0)).tolist() if _returns(work, other)]
    for number in np.flatnonzero(runs.mean(axis=0) >= LEAST_RUNS).tolist():
        followed = [
            (error, slope, other)
            for other in returning
            if other != number
            and (runs[:, other] < runs[:, number]).any()
            and (np.ptp(rows[:, other]) > 0 or runs[:, number].mean() >= LEAST_STEADY_RUNS)
            for slope, error in [_through_origin(rows[:, other], runs[:, number])]
            if slope >= LEAST_SLOPE and error <= MOST_ERROR
        ]
        if followed:
            _, slope, other = min(followed)
            text, driver = work.statements[number], work.statements[other].text
            mean = float(runs[:, number].mean())
            yield RepeatedStatement(endpoint, text.fingerprint, text.text, driver, mean, slope, len(requests))


def _returns(work: RequestWork, number: int) -> bool:
    """Whether a statement returns rows to the client."""
    text = work.statements[number].text
    return bool(re.match(r"\W*(SELECT|WITH|VALUES|TABLE)\b", text, re.IGNORECASE) or "returning" in text.lower())


def _through_origin(rows: NDArray[np.float64], runs: NDArray[np.float64]) -> tuple[float, float]:
    """The slope of runs over rows, and the mean error as a share of the mean runs."""
    slope = float(rows @ runs / (rows @ rows))
    return slope, float(np.abs(runs - slope * rows).mean() / runs.mean())


def _by_responses(endpoint: str, requests: Sequence[CorpusRequest]) -> RepeatedStatement | None:
    known = [(one.items, one.queries) for one in requests if one.items is not None and one.queries is not None]
    if len({items for items, _ in known}) < 2:  # noqa: PLR2004 - a line needs two points
        return None
    items, queries = np.array(known, dtype=np.float64).T
    slope, intercept = np.polyfit(items, queries, 1)
    spread = float(((queries - queries.mean()) ** 2).sum())
    fit = 1 - float(((queries - intercept - slope * items) ** 2).sum()) / spread if spread else 0.0
    if slope < LEAST_SLOPE or fit < LEAST_FIT or queries.mean() < LEAST_RUNS:
        return None
    return RepeatedStatement(endpoint, "", "", "", float(queries.mean()), float(slope), len(known))
