"""Whether all was well again after each fault of a run, on a machine whose neighbours may be busy."""

from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from harness.analysis.recovery import CALM_SECONDS
from harness.record.samples import read_samples


def assert_mended(run: Path, faults: list[dict[str, Any]], *, within: float) -> None:
    """No request fails in the last seconds before the next fault or the end; most recovered within so many seconds.

    Not all of them: what is slow for want of a processor in the second in which it recovered is disturbed, too.
    """
    for leg in (run / "trials").iterdir():
        own = [fault for fault in faults if leg.name.endswith(fault["arm"])]
        samples = read_samples(leg / "samples")
        due = samples["due_ns"].to_numpy() / 1e9
        failed = due[pc.is_valid(samples["error"]).to_numpy()]
        for fault, until in zip(own, [*[following["began"] for following in own[1:]], due.max()], strict=True):
            calm = (failed > max(until - CALM_SECONDS, fault["ended"])) & (failed < until)
            assert not calm.any(), f"{fault}: {failed[calm]}"
    soon = [fault["recovered"] and fault["recovered_after"] < within for fault in faults]
    assert sum(soon) > len(faults) / 2, f"{faults}"
