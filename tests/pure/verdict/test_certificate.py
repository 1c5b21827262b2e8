"""The certificate of a selftest: when a machine is fit, and how it is stored."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import binom

from harness.errors import RunFolderError
from harness.plan.file import parse_plan
from harness.record.noise import machine_of
from harness.record.run_folder import RunFolder
from harness.record.selftest import (
    NAME,
    Certificate,
    CertificateStore,
    Delay,
    Equal,
    Fitness,
    Freeze,
    Kill,
    Power,
    at_most,
)
from harness.run.context import Observer, RunContext, Source
from harness.run.experiment import Effort, measure
from harness.run.generator_process import Remote
from harness.verdict.result import analyse
from tests.doubles import PLAN, FakeEnvironment, FakeLoad, synthetic_setup

FIT, CANNOT_TELL, BROKEN = Fitness.FIT, Fitness.INCONCLUSIVE, Fitness.BROKEN
GOOD = Certificate(
    machine={"system": "Linux", "cpu": "Example CPU", "cores": "2", "memory": "8 GiB"},
    date="2026-01-02T03:04:05+00:00",
    version="0.1.0",
    seed=1,
    blocks=6,
    equal=Equal(suites=10, invalid=0, failed=0, held=10),
    power=Power(more=0.2, suites=5, invalid=0, found=5),
    delay=Delay(400, 400, 27.5, 47.7, 27.9, 48.1),
    freeze=Freeze(2.0, 1495.0, 1501.0),
    kill=Kill("INVALID", named=True),
)


@pytest.mark.parametrize(
    ("suites", "invalid", "failed", "held", "fitness"),
    [
        (10, 0, 0, 10, FIT),
        (10, 0, 1, 8, FIT),  # one in 40 fails by chance, one in 20 misses
        (10, 0, 0, 7, CANNOT_TELL),
        (10, 0, 2, 10, CANNOT_TELL),
        (10, 0, 0, 6, BROKEN),
        (10, 0, 3, 10, BROKEN),
        (3, 0, 0, 3, FIT),
        (3, 0, 0, 1, BROKEN),
        (8, 2, 0, 8, FIT),
        (7, 3, 0, 7, CANNOT_TELL),  # more than a fifth says nothing
        (0, 10, 0, 0, CANNOT_TELL),
    ],
)
def test_false_positives_of_aa_tests_are_judged_by_chance(
    suites: int, invalid: int, failed: int, held: int, fitness: Fitness
) -> None:
    assert Equal(suites, invalid, failed, held).fitness is fitness


@pytest.mark.parametrize(("k", "n", "share"), [(0, 1, 0.5), (7, 10, 0.95), (58, 60, 0.975), (100, 100, 0.95)])
def test_the_chance_of_so_few_is_binomial(k: int, n: int, share: float) -> None:
    assert at_most(k, n, share) == pytest.approx(binom.cdf(k, n, share), rel=1e-9)


@pytest.mark.parametrize(
    ("suites", "invalid", "found", "fitness"),
    [(5, 0, 5, FIT), (5, 0, 4, FIT), (5, 0, 3, CANNOT_TELL), (0, 0, 0, CANNOT_TELL), (3, 2, 3, CANNOT_TELL)],
)
def test_a_machine_that_misses_more_work_is_inconclusive(
    suites: int, invalid: int, found: int, fitness: Fitness
) -> None:
    assert Power(0.2, suites, invalid, found).fitness is fitness


@pytest.mark.parametrize(
    ("changed", "fitness"),
    [
        ({}, FIT),
        ({"p50_ms": 29.0, "p95_ms": 49.6}, FIT),
        ({"p95_ms": 49.7}, CANNOT_TELL),
        ({"p50_ms": 36.0}, BROKEN),
        ({"p50_ms": 36.0, "valid": False}, CANNOT_TELL),  # a guard has said so
        ({"requests": 399, "valid": False}, BROKEN),
        ({"p95_ms": 47.6}, BROKEN),  # sooner than the service answered
        ({"requests": 399}, BROKEN),
        ({"answered": 399}, BROKEN),
    ],
)
def test_a_known_delay_is_measured_exactly(changed: dict[str, float], fitness: Fitness) -> None:
    assert replace(GOOD.delay, **changed).fitness is fitness  # type: ignore[arg-type]


@pytest.mark.parametrize(("p95_ms", "fitness"), [(1495, FIT), (1450.2, FIT), (1420, CANNOT_TELL), (90, BROKEN)])
def test_a_freeze_is_measured_as_its_callers_saw_it(p95_ms: float, fitness: Fitness) -> None:
    assert Freeze(2.0, 1495.0, p95_ms).fitness is fitness
    assert Freeze(2.0, 1495.0, p95_ms, valid=False).fitness is (FIT if fitness is FIT else CANNOT_TELL)


@pytest.mark.parametrize(
    ("kill", "fitness"),
    [(Kill("INVALID", named=True), FIT), (Kill("INVALID", named=False), BROKEN), (Kill("PASS", named=True), BROKEN)],
)
def test_a_lost_worker_has_to_be_named(kill: Kill, fitness: Fitness) -> None:
    assert kill.fitness is fitness


@pytest.mark.parametrize(
    ("changed", "fitness"),
    [
        ({}, FIT),
        ({"power": Power(0.2, 5, 0, 1)}, CANNOT_TELL),
        ({"power": Power(0.2, 5, 0, 1), "kill": Kill("PASS", named=False)}, BROKEN),
    ],
)
def test_the_worst_trial_decides(changed: dict[str, object], fitness: Fitness) -> None:
    assert replace(GOOD, **changed).fitness is fitness  # type: ignore[arg-type]


# --- kept beside the runs


def test_certificates_are_read_again_and_the_newest_of_a_machine_counts(tmp_path: Path) -> None:
    store = CertificateStore(tmp_path / "runs")
    other = replace(GOOD, machine=GOOD.machine | {"cores": "64"}, guards=("SCHEDULE_LATE",))
    newer = replace(GOOD, date="2026-02-02T03:04:05+00:00")
    assert store.read(GOOD.machine) is None
    for certificate in (GOOD, other, newer):
        store.check()
        store.keep(certificate)
    assert store.read(GOOD.machine) == newer
    assert store.read(other.machine) == other
    assert store.read({"cores": "1"}) is None
    assert [path.name for path in store.path.parent.iterdir()] == [NAME]


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"certificates": [{}]}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    store = CertificateStore(tmp_path)
    damaged = r"selftest\.json: damaged"
    with pytest.raises(RunFolderError, match=damaged):
        store.read({})
    with pytest.raises(RunFolderError, match=damaged):
        store.check()
    with pytest.raises(RunFolderError, match=damaged):
        store.keep(GOOD)


def test_a_folder_in_the_way_is_named_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(RunFolderError, match=NAME):
        CertificateStore(tmp_path).check()


# --- in a run


def measured(tmp_path: Path, remote: Remote | None = None) -> RunFolder:
    (tmp_path / "users.py").write_text("# users")
    folder = RunFolder.create(tmp_path / "runs", "run")
    source = Source(parse_plan(PLAN), PLAN, tmp_path / "plan.toml", (tmp_path / "users.py",))
    measure(RunContext(source, folder, FakeEnvironment([]), Observer(), FakeLoad([]), remote=remote), Effort())
    return folder


def own_certificate(tmp_path: Path) -> Certificate:
    """A certificate of the machine that runs the tests."""
    return replace(GOOD, machine=machine_of(measured(tmp_path).read_setup()))


def test_a_run_copies_the_certificate_of_its_machine_and_keeps_it(tmp_path: Path) -> None:
    own, store = own_certificate(tmp_path), CertificateStore(tmp_path / "runs")
    store.keep(own)
    folder = measured(tmp_path)
    assert analyse(folder).certificate == own
    store.keep(replace(own, date="2027-01-01T00:00:00+00:00"))
    assert analyse(folder).certificate == own


def test_a_run_has_none_where_there_is_none_of_its_machine(tmp_path: Path) -> None:
    CertificateStore(tmp_path / "runs").keep(replace(GOOD, machine={"cores": "none"}))
    assert analyse(measured(tmp_path)).certificate is None


def test_load_that_is_made_elsewhere_has_no_certificate_of_this_machine(tmp_path: Path) -> None:
    CertificateStore(tmp_path / "runs").keep(own_certificate(tmp_path))
    assert analyse(measured(tmp_path, Remote(1, "127.0.0.1:5557"))).certificate is None


def test_a_damaged_certificate_of_a_run_is_named(tmp_path: Path) -> None:
    folder = measured(tmp_path)
    folder.write_certificate(GOOD)
    path = folder.path / "certificate.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"equal": 3}))
    with pytest.raises(RunFolderError, match=r"certificate\.json: damaged at equal"):
        analyse(folder)


def test_machines_are_classed_as_for_their_noise() -> None:
    assert machine_of(synthetic_setup(parse_plan(PLAN))) == GOOD.machine
