"""``rehearsal.json``: the migration under load, not rounded."""

from dataclasses import asdict
from typing import Any

from harness.evidence.migration import MigrationUnderLoad
from reports.sections.migration import sentence

SCHEMA = 1


def migration_record(rehearsal: MigrationUnderLoad) -> dict[str, Any]:
    """The record and its analysis; times of ``passages`` are Unix seconds, of ``losses`` seconds of the leg."""
    record = asdict(rehearsal.record)
    agreement = rehearsal.agreement
    return {
        "schema": SCHEMA,
        "sentence": sentence(rehearsal),
        "failed": rehearsal.failed or None,
        "rolled_back_as_before": rehearsal.rolled_back,
        "losses": [asdict(loss) for loss in rehearsal.losses],
        "answers": None if agreement is None else {"asked": agreement.total.asked, "equal": agreement.total.equal},
        **{name: record[name] for name in ("stage", "origin", "passages", "differences", "lints", "linted")},
    }
