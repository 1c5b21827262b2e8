"""A/A differences, noise floors, and their storage."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from harness.analysis.noise import MIN_PAIRS, differences_of, floor_of, floors_of
from harness.analysis.summary import summarise
from harness.errors import RunFolderError
from harness.plan.file import parse_plan
from harness.plan.model import CONTROL
from harness.record.noise import MAX_RUNS, ComparisonPlace, NoiseOfRun, NoiseRatios, NoiseStore
from tests.doubles import PLAN, synthetic_setup, synthetic_trials

CONTROLLED = PLAN.replace("[arms.after]", "[arms.control]\n[arms.after]")
P95 = ComparisonPlace("p95", "sustain", None)


def run(name: str, *ratios: float) -> NoiseOfRun:
    return NoiseOfRun(name, (NoiseRatios("p95", "sustain", None, ratios),))


def test_control_is_compared_with_before_in_every_block() -> None:
    plan = parse_plan(CONTROLLED)
    slowness = {"before": 1.0, "control": 2.0, "after": 0.25}
    found = {d.place: d.ratios for d in differences_of(summarise(list(synthetic_trials(plan, slowness=slowness))))}
    assert len(found[P95]) == plan.load.blocks
    assert all(ratio == pytest.approx(math.log(2), abs=0.5) for ratio in found[P95])
    assert not any(place.metric in {"error_rate", "cache_hit_rate", "ready_seconds"} for place in found)


def test_a_run_without_a_control_arm_has_no_differences() -> None:
    assert differences_of(summarise(list(synthetic_trials(parse_plan(PLAN))))) == ()


@pytest.mark.parametrize(
    ("ratios", "value"),
    [
        ([0.02, -0.05, 0.01], math.expm1(0.05)),  # few: the largest, in either direction
        ([0.01] * 56 + [0.2, -0.3, 0.1], math.expm1(0.3)),  # 59: still the largest
        ([0.01] * 90 + [0.2, -0.3, 0.1], math.expm1(0.2)),  # 93: the second
        ([0.01] * 121 + [0.2, -0.3, 0.1], math.expm1(0.1)),  # 124: the third
        ([0.0, 0.0], 0.0),
    ],
)
def test_a_floor_is_an_upper_bound_of_the_95th_percentile(ratios: list[float], value: float) -> None:
    floor = floor_of(ratios)
    assert floor is not None
    assert floor.value == pytest.approx(value)
    assert floor.pairs == len(ratios)
    assert floor.provisional == (len(ratios) < MIN_PAIRS)
    assert floor.spread == pytest.approx(math.sqrt(sum(r * r for r in ratios) / len(ratios)))


def test_no_differences_have_no_floor() -> None:
    assert floor_of([]) is None
    assert floors_of([]) == {}


def test_runs_add_up() -> None:
    floors = floors_of([*run("a", 0.01, 0.02).differences, *run("b", -0.04).differences])
    assert floors[P95].pairs == 3
    assert floors[P95].value == pytest.approx(math.expm1(0.04))


# --- the store


@pytest.fixture
def store(tmp_path: Path) -> NoiseStore:
    plan = parse_plan(CONTROLLED)
    return NoiseStore(tmp_path, plan, synthetic_setup(plan))


def test_stored_noise_is_read_again(store: NoiseStore) -> None:
    assert store.read().runs == ()
    store.add(run("first", 0.01))
    store.add(run("second", 0.02))
    store.add(run("first", 0.03))  # measured anew under its name: said once
    assert [(one.run, one.differences[0].ratios) for one in store.read().runs] == [
        ("second", (0.02,)),
        ("first", (0.03,)),
    ]


def test_the_oldest_runs_are_forgotten(store: NoiseStore) -> None:
    for number in range(MAX_RUNS + 3):
        store.add(run(f"run {number}", 0.01))
    kept = [one.run for one in store.read().runs]
    assert kept == [f"run {number}" for number in range(3, MAX_RUNS + 3)]


def test_another_machine_or_another_load_is_another_file(tmp_path: Path) -> None:
    plan = parse_plan(CONTROLLED)
    setup = synthetic_setup(plan)
    longer = parse_plan(CONTROLLED.replace("seconds = 30", "seconds = 31"))
    more = replace(setup, host=setup.host | {"cores": 4})
    tagged = parse_plan(CONTROLLED + '[tags]\nreads = ["GET /"]\n')
    newer = replace(setup, host=setup.host | {"system": "Linux 6.2"}, started="2026-05-05T00:00:00+00:00")
    paths = {
        "same": NoiseStore(tmp_path, plan, setup).path,
        "kernel": NoiseStore(tmp_path, plan, newer).path,
        "cores": NoiseStore(tmp_path, plan, more).path,
        "stages": NoiseStore(tmp_path, longer, setup).path,
        "words": NoiseStore(tmp_path, tagged, setup).path,
        "profile": NoiseStore(tmp_path, plan, replace(setup, profile="quick")).path,
    }
    assert paths["same"] == paths["kernel"]
    assert len(set(paths.values())) == 5
    after = parse_plan(CONTROLLED.replace("[arms.after]", '[arms.after]\nenv = { A = "1" }'))
    assert NoiseStore(tmp_path, after, setup).path == paths["same"]  # before is the same: so is its noise


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"schema": 1, "runs": 3}', '{"runs": [{"run": 1}]}'])
def test_a_damaged_file_says_that_it_may_go(store: NoiseStore, text: str) -> None:
    store.path.parent.mkdir()
    store.path.write_text(text)
    with pytest.raises(RunFolderError, match=r"noise/.*\.json: damaged"):
        store.read()


def _add(runs: Path, name: str) -> None:
    plan = parse_plan(CONTROLLED)
    NoiseStore(runs, plan, synthetic_setup(plan)).add(run(name, 0.01))


def test_runs_that_end_together_are_all_kept(tmp_path: Path, store: NoiseStore) -> None:
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(partial(_add, tmp_path), [f"run {number}" for number in range(8)]))
    assert sorted(one.run for one in store.read().runs) == [f"run {number}" for number in range(8)]


def test_the_file_is_plain_json(store: NoiseStore) -> None:
    store.add(run("first", 0.01))
    raw = json.loads(store.path.read_text())
    assert raw["schema"] == 1
    assert raw["machine"]["cores"] == "2"
    assert CONTROL not in raw["load"]
