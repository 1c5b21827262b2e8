"""Work: what the statements of a leg came to, by stage and arm, from their counts second by second.

A count belongs to a stage by the share of its second that lies within the measured part of the stage. What is executed
after the last stage has ended is of requests that it began, and counts to it. Where any of a stage's seconds was not
read there is no value: what was not seen may have been work.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.plan.stages import StageKind
from harness.record.executions import HIDDEN
from harness.record.statements import Counts
from harness.record.trial import Trial

SLOW_MS = 100.0
COUNTS = ("calls", "rows", "hit", "read", "wal", "ms")


@dataclass(frozen=True, slots=True)
class StatementUse:
    """What one statement did in one arm over the measured part of all stages but ramps, all legs together.

    Attributes:
        fingerprint: the same in both arms, whatever its literals.
        text: one of its texts; empty where that may not be seen.
        hit, read: 8 kB pages found in the server's memory, and asked from the operating system.
        wal: bytes written ahead.
        slowest_ms: the longest execution that is known; a lower bound.
        requests: of the same legs and stages.
        seconds: of these.
    """

    arm: str
    service: str
    fingerprint: str
    text: str
    calls: float
    rows: float
    hit: float
    read: float
    wal: float
    ms: float
    slowest_ms: float
    requests: int
    seconds: float

    @property
    def mean_ms(self) -> float:
        """Of an execution."""
        return self.ms / self.calls if self.calls else 0.0


def cost_values(counts: Counts, requests: int = 1) -> dict[str, float]:
    """The database work of a request by metric, from the counts of so many requests."""
    return {
        "db_statements_per_request": counts.calls / requests,
        "db_rows_per_request": counts.rows / requests,
        "db_blocks_per_request": counts.blocks / requests,
        "wal_bytes_per_request": counts.wal / requests,
    }


class StatementTotals:
    """The statements of some trials in the measured parts of their stages."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._trials = [trial for trial in trials if trial.executions is not None]
        self._legs = [trial.leg for trial in trials]
        self._parts = {trial.leg.number: _parts(trial) for trial in self._trials}

    def of(self, arm: str, block: int | None, stage: str | None, requests: int) -> dict[str, float]:
        """The values of a row, by metric: work per request, and how many statements were slow.

        Without a block of all of them, without a stage of all but ramps; empty where something of that was not read.
        """
        wanted = [leg.number for leg in self._legs if leg.arm == arm and block in {None, leg.block}]
        if not requests or not wanted or any(number not in self._parts for number in wanted):
            return {}
        parts = [part for number in wanted for part in self._parts[number] if part.within(stage)]
        if not parts or not all(part.whole for part in parts):
            return {}
        found = pd.concat([part.counts for part in parts], ignore_index=True)
        values = cost_values(Counts(*(float(found[name].sum()) for name in COUNTS)), requests)
        hidden = bool((found["fingerprint"] == HIDDEN).any())
        return values if hidden else values | {"slow_statements": _slow(found)}

    def statements(self, requests: Mapping[int, int]) -> Iterator[StatementUse]:
        """Every statement of every arm, by the time it took; ``requests`` of each leg, by its number."""
        for arm in dict.fromkeys(leg.arm for leg in self._legs):
            legs = {trial.leg.number: trial for trial in self._trials if trial.leg.arm == arm}
            parts = {n: [part for part in self._parts[n] if part.within(None)] for n in legs}
            whole = {n: some for n, some in parts.items() if some and all(part.whole for part in some)}
            if not whole:
                continue
            asked = sum(requests.get(number, 0) for number in whole)
            seconds = sum(part.seconds for some in whole.values() for part in some)
            found = pd.concat([part.counts for some in whole.values() for part in some], ignore_index=True)
            texts = {key: text for n in whole for key, text in legs[n].executions.texts.items()}  # type: ignore[union-attr] # those that have some
            groups = found.groupby(["service", "fingerprint"], sort=False)
            sums = groups[[*COUNTS]].sum().join(groups["slowest_ms"].max()).sort_values("ms", ascending=False)
            for service, fingerprint, *values in sums.reset_index().itertuples(index=False):
                counts = dict(zip((*COUNTS, "slowest_ms"), map(float, values), strict=True))
                text = texts.get(str(fingerprint), "")
                yield StatementUse(arm, str(service), str(fingerprint), text, **counts, requests=asked, seconds=seconds)


@dataclass(frozen=True, slots=True)
class _Part:
    """The counts in the measured part of one stage of one leg; ``whole`` when all of it was read."""

    stage: str
    ramp: bool
    seconds: float
    whole: bool
    counts: pd.DataFrame

    def within(self, stage: str | None) -> bool:
        return self.seconds > 0 and (not self.ramp if stage is None else self.stage == stage)


def _parts(trial: Trial) -> list[_Part]:
    executions = trial.executions
    if executions is None:
        return []
    table = executions.table.to_pandas()
    table = table.assign(service=table["service"].astype(str), fingerprint=table["fingerprint"].astype(str))
    begun, ended = table["from_ns"].to_numpy() / 1e9, table["at_ns"].to_numpy() / 1e9
    found: list[_Part] = []
    windows = trial.generation.windows
    for window in windows:
        start, end = window.measured_from, window.end
        until = np.inf if window == windows[-1] else end
        inside = np.clip(np.minimum(ended, until) - np.maximum(begun, start), 0.0, None)
        share = np.divide(inside, ended - begun, out=np.zeros_like(inside), where=ended > begun)
        chosen = share > 0
        counts = table[chosen].copy()
        counts["mean_ms"] = counts["ms"] / counts["calls"]
        counts["slowest_ms"] = counts["slowest_ms"].where(share[chosen] >= 0.5, 0.0)  # noqa: PLR2004 - most of the second
        for name in COUNTS:
            counts[name] = counts[name] * share[chosen]
        ramp = window.kind == StageKind.RAMP
        found.append(_Part(window.stage, ramp, window.seconds, executions.covers(start, end), counts))
    return found


def _slow(counts: pd.DataFrame) -> int:
    """How many statements are known to have taken too long: the mean of a second, or the longest of the leg so far."""
    long = (counts["mean_ms"] > SLOW_MS) | (counts["slowest_ms"] > SLOW_MS)
    return int(counts[long]["fingerprint"].nunique())
