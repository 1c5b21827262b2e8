"""Repetition: whether requests to an endpoint run a statement once for each row that another one returned (N+1).

Of each request it is known how often each statement ran and how many rows each returned. A statement is repeated when
its runs follow the rows of another in the same requests: runs = slope x rows, through the origin, by least squares. A
slope near 1 is one statement a row; one that fetches rows in batches has a slope near 0. Where only the answers tell,
the statements that they count are set against the items that they hold, with an intercept: the slope of a line.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.record.request_work import CorpusRequest, RequestWork

LEAST_RUNS = 3.0
"""A statement that runs less often in a request, in the mean, repeats nothing worth a word."""
LEAST_STEADY_RUNS = 5.0
"""The same where every request runs it as often: three rows here and three runs there may be chance."""
LEAST_SLOPE = 0.5
MOST_ERROR = 0.1
"""Of the runs, in the mean: more is not explained by the rows of another statement."""
LEAST_FIT = 0.8
"""The least coefficient of determination of a line through statements and items."""


@dataclass(frozen=True, slots=True)
class RepeatedStatement:
    """A statement that runs once for each row.

    Attributes:
        statement: the fingerprint of what is repeated; empty where only the answers tell.
        text: its text.
        driver: the text of the statement whose rows it follows; empty where it follows the items of the answers.
        runs: how often it runs in a request that no cache answered.
        slope: runs per row.
        requests: that were looked at.
    """

    endpoint: str
    statement: str
    text: str
    driver: str
    runs: float
    slope: float
    requests: int


def repeated_statements(inspected: RequestWork) -> dict[str, RepeatedStatement]:
    """The worst repetition of each endpoint that has one."""
    found = {endpoint: _worst(endpoint, inspected) for endpoint in inspected.endpoints}
    return {endpoint: repetition for endpoint, repetition in found.items() if repetition}


def _worst(endpoint: str, inspected: RequestWork) -> RepeatedStatement | None:
    asked = [one for one in inspected.of(endpoint) if not one.hit]
    if not asked:
        return None
    if inspected.missing:
        return _by_answers(endpoint, asked)
    return max(_by_statements(endpoint, asked, inspected), key=lambda one: one.runs, default=None)


def _by_statements(
    endpoint: str, asked: Sequence[CorpusRequest], inspected: RequestWork
) -> Iterator[RepeatedStatement]:
    shape = len(asked), len(inspected.statements)
    runs, rows = np.zeros(shape), np.zeros(shape)
    for place, one in enumerate(asked):
        for work in one.work:
            runs[place, work.statement], rows[place, work.statement] = work.counts.calls, work.counts.rows
    returning = [other for other in np.flatnonzero(rows.any(axis=0)).tolist() if _returns(inspected, other)]
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
            text, driver = inspected.statements[number], inspected.statements[other].text
            mean = float(runs[:, number].mean())
            yield RepeatedStatement(endpoint, text.fingerprint, text.text, driver, mean, slope, len(asked))


def _returns(inspected: RequestWork, number: int) -> bool:
    """Whether the rows of a statement are such as a service gets to see."""
    text = inspected.statements[number].text
    return bool(re.match(r"\W*(SELECT|WITH|VALUES|TABLE)\b", text, re.IGNORECASE) or "returning" in text.lower())


def _through_origin(rows: NDArray[np.float64], runs: NDArray[np.float64]) -> tuple[float, float]:
    """The slope of runs over rows, and the mean error as a share of the mean runs."""
    slope = float(rows @ runs / (rows @ rows))
    return slope, float(np.abs(runs - slope * rows).mean() / runs.mean())


def _by_answers(endpoint: str, asked: Sequence[CorpusRequest]) -> RepeatedStatement | None:
    told = [(one.items, one.queries) for one in asked if one.items is not None and one.queries is not None]
    if len({items for items, _ in told}) < 2:  # noqa: PLR2004 - a line needs two points
        return None
    items, queries = np.array(told, dtype=np.float64).T
    slope, intercept = np.polyfit(items, queries, 1)
    spread = float(((queries - queries.mean()) ** 2).sum())
    fit = 1 - float(((queries - intercept - slope * items) ** 2).sum()) / spread if spread else 0.0
    if slope < LEAST_SLOPE or fit < LEAST_FIT or queries.mean() < LEAST_RUNS:
        return None
    return RepeatedStatement(endpoint, "", "", "", float(queries.mean()), float(slope), len(told))
