"""A run folder with as many samples as wanted, as a run of eight blocks would leave it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from harness.plan.file import fingerprint, parse_plan
from harness.plan.model import Plan
from harness.record.columns import names, numbers
from harness.record.generation import Generation
from harness.record.leg import Leg, windows_of
from harness.record.run_folder import RunFolder
from harness.record.samples import SCHEMA, write_part
from harness.record.trial import Startup
from tests.doubles import synthetic_setup

PART_ROWS = 100_000
ENDPOINTS = tuple(f"GET /resource-{number}/{{id}}" for number in range(12))
SOURCES = ("postgres", "redis", "recommendation")
PLAN = """\
schema = 1
name = "many samples"

[environment]
kind = "local"
serve = "serve --port {port}"

[arms.before]
[arms.after]

[load]
users = ["users.py"]
blocks = 8

[[stages]]
kind = "ramp"
seconds = 60
users = 100

[[stages]]
kind = "peak"
seconds = 120
users = 200
warmup_seconds = 10

[[stages]]
kind = "sustain"
seconds = 300
users = 100
warmup_seconds = 10

[[stages]]
kind = "endurance"
seconds = 120
users = 50
warmup_seconds = 10

[[targets]]
expect = "p95 falls by 30 %"
stage = "sustain"

[[targets]]
expect = "p99 < 2 s"

[[targets]]
expect = "error_rate < 5 %"

[[targets]]
expect = "cache_hit_rate > 50 %"
"""


def write_run(parent: Path, samples: int) -> RunFolder:
    """Write a run with about so many samples, in parts as the generator closes them."""
    plan = parse_plan(PLAN)
    setup = replace(synthetic_setup(plan), plan_fingerprint=fingerprint(PLAN))
    folder = RunFolder.create(parent, f"run-{samples}")
    folder.write("plan.toml", PLAN)
    folder.write_setup(setup)
    folder.write_migrations([])
    chance = np.random.default_rng(plan.load.seed)
    for leg in setup.legs:
        _write_leg(folder, plan, leg, samples // len(setup.legs), chance)
    return folder


def _write_leg(folder: RunFolder, plan: Plan, leg: Leg, size: int, chance: np.random.Generator) -> None:
    generation = Generation("2026-01-02T03:04:05+00:00", size, 0.2, 1.0, windows_of(plan.stages))
    folder.write_startup(leg, Startup("http://127.0.0.1:8000", 1.5))
    folder.write(f"trials/{leg.title}/windows.json", json.dumps(asdict(generation)))
    table = _samples(plan, leg, size, chance)
    for number, start in enumerate(range(0, size, PART_ROWS), start=1):
        write_part(table.slice(start, PART_ROWS), folder.trial_folder(leg) / "samples", number)
    folder.write_probe(leg, "processes", list(_readings(plan)))


def _samples(plan: Plan, leg: Leg, size: int, chance: np.random.Generator) -> pa.Table:
    """In the order in which answers came, as the generator writes them."""
    due = chance.integers(0, int(plan.seconds * 1e9), size)
    endpoint = chance.integers(0, len(ENDPOINTS), size)
    slow = 0.5 if leg.arm == "after" else 1.0
    duration = (10e6 * (1 + endpoint) * slow * chance.lognormal(0, 0.6, size)).astype(np.int64)
    order = np.argsort(due + duration)
    due, endpoint, duration = due[order], endpoint[order], duration[order]
    cache = chance.integers(0, 3, size)
    good = chance.random(size) > 0.01
    queries = np.where(cache == 0, 0, 3)
    columns = {
        "due_ns": numbers(due, np.int64),
        "sent_ns": numbers(due + chance.integers(0, 500_000, size), np.int64),
        "duration_ns": numbers(duration, np.int64),
        "endpoint": names(numbers(endpoint, np.int32), ENDPOINTS),
        "status": numbers(np.where(good, 200, 500), np.int16),
        "size_bytes": numbers(chance.integers(200, 5_000, size), np.int64),
        "error": names(numbers(np.zeros(size), np.int32, ~good), ["HTTP 500"]),
        "cache": names(numbers(cache, np.int32), ["hit", "miss", "bypass"]),
        "queries": numbers(queries, np.int32, good),
        "db_ms": numbers(np.round(queries * chance.lognormal(0, 0.5, size), 3), np.float64, good),
    }
    return pa.table([columns[field.name] for field in SCHEMA], schema=SCHEMA)


def _readings(plan: Plan) -> Iterator[tuple[int, str, str, float]]:
    """CPU and memory of three processes, once a second from the leg's origin."""
    origin_ns = 1767323045 * 10**9
    for second in range(int(plan.seconds)):
        for source in SOURCES:
            yield origin_ns + second * 10**9, source, "cpu_of_host", 0.2
            yield origin_ns + second * 10**9, source, "memory_bytes", 2e8
