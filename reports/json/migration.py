"""Rehearsal record: ``rehearsal.json``, what the migration under load cost and left, unrounded, for machines."""

from dataclasses import asdict
from typing import Any

from harness.evidence.migration import MigrationUnderLoad
from reports.sections.migration import sentence

SCHEMA = 1


def rehearsal_record(rehearsal: MigrationUnderLoad) -> dict[str, Any]:
    """The record, what it means, and the sentence; times of passages are seconds since 1970, of losses of the leg."""
    record = asdict(rehearsal.record)
    agreement = rehearsal.agreement
    return {
        "schema": SCHEMA,
        "sentence": sentence(rehearsal),
        "failed": rehearsal.failed or None,
        "rolled_back_as_before": rehearsal.rolled_back,
        "losses": [asdict(loss) for loss in rehearsal.losses],
        "answers": None if agreement is None else {"asked": agreement.asked, "equal": agreement.equal},
        **{name: record[name] for name in ("stage", "origin", "passages", "differences", "lints", "linted")},
    }
