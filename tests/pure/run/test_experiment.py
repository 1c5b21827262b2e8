"""The order of events of a run."""

import errno
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from harness.errors import DiskFullError, EnvironmentFailedError, RunFolderError
from harness.plan.file import fingerprint, parse_plan
from harness.record.answers import Answer, digest
from harness.record.generation import LostWorker
from harness.record.leg import Leg, legs_of
from harness.record.noise import Noise
from harness.record.outcome import Outcome
from harness.record.readings import write_readings
from harness.record.request_work import RequestWork
from harness.record.run_folder import RunFolder, fingerprint_files
from harness.record.setup import Setup
from harness.record.trial import Migration
from harness.run.context import Observer, RunContext, Source
from harness.run.experiment import Effort, measure
from harness.run.generator_process import Job, Progress, Remote
from harness.run.order import balanced_order
from harness.verdict.caveats import ANSWERS_NOT_COMPARED, INTERRUPTED, SEQUENTIAL
from harness.verdict.result import analyse
from harness.verdict.targets import Reason
from tests.doubles import CHAIN_PLAN, PLAN, FakeEnvironment, FakeLoad


class Nobody(Observer):
    """An observer that records the events."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def say(self, text: str) -> None:
        self.heard.append(text)

    def leg(self, leg: Leg, setup: Setup) -> None:
        self.heard.append(f"{leg.title} of {len(setup.legs)}")

    def noise(self, setup: Setup, noise: Noise) -> None:
        self.known = (setup, noise)

    def requested(self, arm: str, requests: int, wanted: int) -> None:
        self.heard.append(f"{arm} asked {requests} of {wanted}")

    def progress(self, progress: Progress) -> None:
        self.heard.append(f"{progress.requests} requests")


@pytest.fixture
def source(tmp_path: Path) -> Source:
    (tmp_path / "users.py").write_text("# users")
    return Source(parse_plan(PLAN), PLAN, tmp_path / "plan.toml", (tmp_path / "users.py",))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "run")


def test_the_story(source: Source, folder: RunFolder) -> None:
    log: list[str] = []
    observer = Nobody()
    measure(RunContext(source, folder, FakeEnvironment(log), observer, FakeLoad(log)), Effort())
    first, second = balanced_order(2, 7)
    titles = [f"01-{first[0]}", f"02-{first[1]}", f"03-{second[0]}", f"04-{second[1]}"]
    legs = [[f"start {t}", f"load {t} at http://{t[3:]}", "stop"] for t in titles]
    assert log == ["up", "prepare", *(event for leg in legs for event in leg), "down"]
    assert observer.heard[1:3] == [f"{titles[0]} of 4", "10 requests"]


def test_what_was_recorded_can_be_analysed_and_passes(source: Source, folder: RunFolder) -> None:
    log: list[str] = []
    measure(RunContext(source, folder, FakeEnvironment(log), Nobody(), FakeLoad(log)), Effort())
    analysis = analyse(RunFolder.open(folder.path))
    assert [leg.leg.title for leg in analysis.summary.legs] == [leg.title for leg in legs_of(balanced_order(2, 7))]
    assert analysis.verdict.outcome is Outcome.PASS
    assert analysis.setup.legs_planned == 4
    assert analysis.plan_text == PLAN


def test_an_interrupt_goes_down_and_keeps_complete_blocks(source: Source, folder: RunFolder) -> None:
    log: list[str] = []
    third = legs_of(balanced_order(2, 7))[2].title
    with pytest.raises(KeyboardInterrupt):
        measure(RunContext(source, folder, FakeEnvironment(log), Nobody(), FakeLoad(log, fail_at=third)), Effort())
    assert log[-1] == "down"
    analysis = analyse(RunFolder.open(folder.path))
    assert len(analysis.summary.legs) == 2
    assert INTERRUPTED in analysis.verdict.caveats
    assert analysis.verdict.outcome is Outcome.INCONCLUSIVE  # one block has no interval


class Losing(FakeLoad):
    """A load that loses a worker in one leg."""

    def __call__(self, job: Job, *, on_progress: Callable[[Progress], None], check: Callable[[], None]) -> None:
        super().__call__(job, on_progress=on_progress, check=check)
        if job.out.name.startswith("03-"):
            path = job.out / "windows.json"
            generation = json.loads(path.read_text())
            generation["lost"] = [asdict(LostWorker("worker 2 (host-b, pid 4711)", job.out.name, 12.2, "it left"))]
            path.write_text(json.dumps(generation))


def test_a_lost_worker_ends_the_run_and_is_named(source: Source, folder: RunFolder) -> None:
    log: list[str] = []
    measure(RunContext(source, folder, FakeEnvironment(log), Nobody(), Losing(log)), Effort())
    assert log[-2:] == ["stop", "down"]
    assert len([event for event in log if event.startswith("load")]) == 3  # the fourth leg was not begun
    verdict = analyse(folder).verdict
    third = legs_of(balanced_order(2, 7))[2].title
    assert verdict.outcome is Outcome.INVALID
    (breach,) = verdict.breaches
    assert breach.code == "WORKER_LOST"
    assert breach.seen == f"worker 2 (host-b, pid 4711) was lost 12 s into leg {third}: it left"


def test_workers_are_told_which_leg_is_the_last_and_the_setup_counts_them(source: Source, folder: RunFolder) -> None:
    jobs: list[Job] = []

    def load(job: Job, *, on_progress: Callable[[Progress], None], check: Callable[[], None]) -> None:
        jobs.append(job)
        FakeLoad([])(job, on_progress=on_progress, check=check)

    remote = Remote(3, "127.0.0.1:5557")
    measure(RunContext(source, folder, FakeEnvironment([]), Nobody(), load, remote=remote), Effort())
    assert [job.last for job in jobs] == [False, False, False, True]
    assert {job.remote for job in jobs} == {remote}
    assert analyse(folder).setup.processes == 3


def test_a_leg_without_its_partner_is_left_out(source: Source, folder: RunFolder) -> None:
    log: list[str] = []
    second = legs_of(balanced_order(2, 7))[1].title
    with pytest.raises(KeyboardInterrupt):
        measure(RunContext(source, folder, FakeEnvironment(log), Nobody(), FakeLoad(log, fail_at=second)), Effort())
    assert analyse(RunFolder.open(folder.path)).verdict.outcome is Outcome.INVALID


def test_a_full_disk_is_said_and_leaves_no_half_of_a_file(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("setup.json", "{}")

    def full(path: Path, text: str, encoding: str) -> int:
        path.write_bytes(text[:1].encode(encoding))
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(DiskFullError, match=r"setup\.json: no space left on the disk; free some.*--out"):
        folder.write("setup.json", '{"schema": 1}')
    assert [(path.name, path.read_text()) for path in folder.path.iterdir()] == [("setup.json", "{}")]


@pytest.mark.parametrize(("event", "begun"), [("up", False), ("prepare", True), ("start 01-before", True)])
def test_an_environment_that_fails_ends_the_run(source: Source, folder: RunFolder, event: str, *, begun: bool) -> None:
    log: list[str] = []
    environment = FakeEnvironment(log, {event: EnvironmentFailedError("no")})
    with pytest.raises(EnvironmentFailedError):
        measure(RunContext(source, folder, environment, Nobody(), FakeLoad(log)), Effort())
    assert (log[-1] == "down") == begun
    assert not [entry for entry in log if entry.startswith("load")]


SEQUENTIAL_PLAN = (
    PLAN.replace('"local"', '"external"')
    .replace('serve = "serve --port {port}"', "sequential = true")
    .replace("[arms.before]", '[arms.before]\nurl = "http://before"')
    .replace("[arms.after]", '[arms.after]\nurl = "http://after"')
)
IN_A_ROW = ["01-before", "02-before", "03-after", "04-after"]


@pytest.fixture
def sequential(source: Source) -> Source:
    return replace(source, plan=parse_plan(SEQUENTIAL_PLAN), text=SEQUENTIAL_PLAN)


def test_a_sequential_plan_measures_all_of_before_first(sequential: Source, folder: RunFolder) -> None:
    log: list[str] = []
    seeds: dict[str, int] = {}

    def load(job: Job, *, on_progress: Callable[[Progress], None], check: Callable[[], None]) -> None:
        seeds[job.out.name] = job.seed
        FakeLoad(log)(job, on_progress=on_progress, check=check)

    measure(RunContext(sequential, folder, FakeEnvironment(log), Nobody(), load), Effort())
    assert [entry for entry in log if entry.startswith("start")] == [f"start {title}" for title in IN_A_ROW]
    assert seeds == dict(zip(IN_A_ROW, [8, 9, 8, 9], strict=True))  # the k-th legs of both arms make the same requests
    analysis = analyse(RunFolder.open(folder.path))
    assert (analysis.setup.sequential, analysis.setup.order) == (True, (("before", "after"), ("before", "after")))
    assert [(leg.leg.title, leg.leg.block) for leg in analysis.summary.legs] == list(
        zip(IN_A_ROW, [1, 2] * 2, strict=True)
    )
    assert analysis.comparison.sequential
    assert analysis.verdict.checks[0].reason is Reason.SEQUENTIAL


def test_of_an_interrupted_sequential_run_the_legs_with_a_counterpart_are_judged(
    sequential: Source, folder: RunFolder
) -> None:
    with pytest.raises(KeyboardInterrupt):
        measure(
            RunContext(sequential, folder, FakeEnvironment([]), Nobody(), FakeLoad([], fail_at="04-after")), Effort()
        )
    analysis = analyse(RunFolder.open(folder.path))
    assert [leg.leg.title for leg in analysis.summary.legs] == ["01-before", "03-after"]
    assert {INTERRUPTED, SEQUENTIAL} <= {*analysis.verdict.caveats}


def test_a_sequential_run_without_any_leg_of_after_is_invalid(sequential: Source, folder: RunFolder) -> None:
    with pytest.raises(KeyboardInterrupt):
        measure(
            RunContext(sequential, folder, FakeEnvironment([]), Nobody(), FakeLoad([], fail_at="03-after")), Effort()
        )
    assert analyse(RunFolder.open(folder.path)).verdict.outcome is Outcome.INVALID


def test_a_setup_from_before_there_were_sequential_runs_can_be_read(source: Source, folder: RunFolder) -> None:
    measure(RunContext(source, folder, FakeEnvironment([]), Nobody(), FakeLoad([])), Effort())
    path = folder.path / "setup.json"
    later = {"sequential", "sealed"}
    for seal in folder.path.glob("trials/*/seal.json"):
        seal.unlink()
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k not in later}))
    assert analyse(folder).verdict.outcome is Outcome.PASS


def test_blocks_can_be_overridden(source: Source, folder: RunFolder) -> None:
    log: list[str] = []
    measure(RunContext(source, folder, FakeEnvironment(log), Nobody(), FakeLoad(log)), Effort(blocks=1))
    assert sum(entry.startswith("load") for entry in log) == 2
    assert analyse(folder).setup.legs_planned == 2


@pytest.mark.parametrize("blocks", [1, 2, 3, 8, 11])
def test_the_order_is_balanced_random_and_reproducible(blocks: int) -> None:
    order = balanced_order(blocks, 7)
    first = [arms[0] for arms in order]
    assert abs(first.count("before") - first.count("after")) <= 1
    assert all(set(arms) == {"before", "after"} for arms in order)
    assert order == balanced_order(blocks, 7)
    assert len({balanced_order(10, seed) for seed in range(20)}) > 10


@pytest.fixture
def chain(source: Source) -> Source:
    return replace(source, plan=parse_plan(CHAIN_PLAN), text=CHAIN_PLAN)


ARMS = ["before", "queries", "cache", "after"]


def test_every_arm_of_a_chain_is_measured_in_every_block(chain: Source, folder: RunFolder) -> None:
    log: list[str] = []
    observer = Nobody()
    measure(RunContext(chain, folder, FakeEnvironment(log), observer, FakeLoad(log)), Effort())
    titles = [leg.title for leg in legs_of(balanced_order(2, 7, ARMS))]
    assert [entry for entry in log if entry.startswith("start")] == [f"start {title}" for title in titles]
    assert observer.heard[1] == f"{titles[0]} of 8"
    analysis = analyse(RunFolder.open(folder.path))
    assert [leg.leg.title for leg in analysis.summary.legs] == titles
    assert analysis.comparison.blocks == 2
    assert analysis.verdict.outcome is Outcome.PASS
    assert analysis.attribution is not None
    assert [part.step.name for part in analysis.attribution.waterfalls[0].contributions] == ["queries", "cache", "pool"]


def test_a_block_without_one_of_its_steps_is_left_out(chain: Source, folder: RunFolder) -> None:
    log: list[str] = []
    last = legs_of(balanced_order(2, 7, ARMS))[-1].title
    with pytest.raises(KeyboardInterrupt):
        measure(RunContext(chain, folder, FakeEnvironment(log), Nobody(), FakeLoad(log, fail_at=last)), Effort())
    analysis = analyse(RunFolder.open(folder.path))
    assert len(analysis.summary.legs) == 4
    assert INTERRUPTED in analysis.verdict.caveats


def test_a_chain_can_be_left_unmeasured(chain: Source, folder: RunFolder) -> None:
    """The recorded plan has steps, the recorded order does not."""
    without = replace(chain, plan=chain.plan.model_copy(update={"attribution": None}))
    measure(RunContext(without, folder, FakeEnvironment([]), Nobody(), FakeLoad([])), Effort())
    analysis = analyse(RunFolder.open(folder.path))
    assert analysis.plan.attribution is not None
    assert analysis.setup.order == balanced_order(2, 7)
    assert analysis.attribution is None
    assert analysis.verdict.outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        ("setup.json", "setup.json"),
        ("plan.toml", "plan.toml"),
        ("trials/01-before/windows.json", "windows.json"),
        ("trials/01-before/startup.json", "startup.json"),
        ("trials/01-before/samples/00001.parquet", "damaged samples"),
        ("migrations.json", "migrations.json"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"{", b'{"schema": 7}', b"\xff\xfe\x00", b"[]", b'{"schema": 1}'])
def test_a_damaged_run_folder_is_a_clear_error(
    source: Source, folder: RunFolder, spoil: str, what: str, content: bytes
) -> None:
    log: list[str] = []
    measure(RunContext(source, folder, FakeEnvironment(log), Nobody(), FakeLoad(log)), Effort())
    (folder.path / spoil).write_bytes(content)
    with pytest.raises(Exception, match=what) as caught:
        analyse(folder)
    assert type(caught.value).__module__ == "harness.errors"


def test_a_missing_part_is_noticed(source: Source, folder: RunFolder) -> None:
    log: list[str] = []
    measure(RunContext(source, folder, FakeEnvironment(log), Nobody(), FakeLoad(log)), Effort())
    (folder.path / "trials/01-before/samples/00001.parquet").unlink()
    with pytest.raises(RunFolderError, match="a part is missing"):
        analyse(folder)


def test_run_folders_never_overwrite_each_other(tmp_path: Path) -> None:
    paths = [RunFolder.create(tmp_path, "x").path.name for _ in range(3)]
    assert paths == ["x", "x-2", "x-3"]
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="choose another --out"):
        RunFolder.create(tmp_path / "file", "x")
    with pytest.raises(RunFolderError, match="no such folder"):
        RunFolder.open(tmp_path / "nowhere")
    with pytest.raises(RunFolderError, match="not a run folder"):
        RunFolder.open(tmp_path)


class Seeded(FakeEnvironment):
    """Has the facts of a real environment."""

    seed_fingerprint: str | None = "5eed"

    def prepare(self) -> list[Migration]:
        self.row_counts = {"users": 7}
        return super().prepare()

    def versions(self) -> dict[str, str]:
        return {"postgresql": "18.1"}

    def settings(self) -> dict[str, str]:
        return {"jit": "off"}


def test_the_setup_says_what_was_measured(source: Source, folder: RunFolder) -> None:
    measure(RunContext(source, folder, Seeded([]), Nobody(), FakeLoad([])), Effort())
    setup = folder.read_setup()
    assert setup.plan_fingerprint == fingerprint(PLAN)
    assert setup.users_fingerprint == fingerprint_files([source.base / "users.py"])
    assert (setup.seed_fingerprint, setup.row_counts, setup.settings) == ("5eed", {"users": 7}, {"jit": "off"})
    assert setup.versions["postgresql"] == "18.1"
    assert (setup.plan_name, setup.order, setup.order_seed) == ("example", balanced_order(2, 7), 7)


PROFILED = PLAN + "\n[profiles.quick]\ntime = 0.5\nblocks = 1\n"


def test_the_profile_is_recorded_and_applied_again(source: Source, folder: RunFolder) -> None:
    quick = replace(source, plan=parse_plan(PROFILED, profile="quick"), text=PROFILED)
    measure(RunContext(quick, folder, FakeEnvironment([]), Nobody(), FakeLoad([])), Effort())
    assert (folder.path / "plan.toml").read_text() == PROFILED
    analysis = analyse(folder)
    assert (analysis.setup.profile, analysis.setup.legs_planned) == ("quick", 2)
    assert analysis.plan == quick.plan
    assert [stage.seconds for stage in analysis.plan.stages] == [2, 15]


def test_blocks_that_are_asked_for_beat_the_profile(source: Source, folder: RunFolder) -> None:
    quick = replace(source, plan=parse_plan(PROFILED, profile="quick"), text=PROFILED)
    measure(RunContext(quick, folder, FakeEnvironment([]), Nobody(), FakeLoad([])), Effort(blocks=3))
    assert analyse(folder).setup.legs_planned == 6


def test_a_setup_from_before_there_were_profiles_can_be_read(source: Source, folder: RunFolder) -> None:
    measure(RunContext(source, folder, FakeEnvironment([]), Nobody(), FakeLoad([])), Effort())
    path = folder.path / "setup.json"
    old = {key: value for key, value in json.loads(path.read_text()).items() if key != "profile"}
    path.write_text(json.dumps(old))
    assert analyse(folder).plan.profile is None


def test_every_file_and_their_order_are_in_a_fingerprint(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("1")
    other.write_text("2")
    orders: list[list[Path]] = [[], [one], [other], [one, other], [other, one]]
    assert len({fingerprint_files(paths) for paths in orders}) == 5


def test_both_arms_of_a_block_get_the_same_seed_and_the_next_block_another(source: Source, folder: RunFolder) -> None:
    seeds: list[tuple[str, int]] = []

    def load(job: Job, **_: object) -> None:
        seeds.append((job.out.name, job.seed))

    measure(RunContext(source, folder, FakeEnvironment([]), Nobody(), load), Effort())
    assert [seed for _, seed in seeds] == [8, 8, 9, 9]


def test_the_load_asks_the_environment_whether_it_still_stands(source: Source, folder: RunFolder) -> None:
    class Fallen(FakeEnvironment):
        def check(self) -> None:
            raise EnvironmentFailedError("postgres ended by itself")

    log: list[str] = []
    with pytest.raises(EnvironmentFailedError, match="ended by itself"):
        measure(RunContext(source, folder, Fallen(log), Nobody(), FakeLoad(log)), Effort())
    assert log[-1] == "down"


def test_more_samples_than_were_recorded_are_noticed_too(source: Source, folder: RunFolder) -> None:
    measure(RunContext(source, folder, FakeEnvironment([]), Nobody(), FakeLoad([])), Effort())
    samples = folder.path / "trials/01-before/samples"
    (samples / "00002.parquet").write_bytes((samples / "00001.parquet").read_bytes())
    with pytest.raises(RunFolderError, match="were recorded"):
        analyse(folder)


def test_the_readings_of_a_leg_are_read(source: Source, folder: RunFolder) -> None:
    measure(RunContext(source, folder, FakeEnvironment([]), Nobody(), FakeLoad([])), Effort())
    write_readings([(1, "generator", "users", 3.0)], folder.path / "trials/01-before/readings.parquet")
    assert [len(trial.readings) for trial in folder.read_trials(folder.read_setup().legs)] == [1, 0, 0, 0]


def test_the_order_follows_the_seed_of_the_plan(source: Source, folder: RunFolder) -> None:
    seed = next(seed for seed in range(100) if balanced_order(2, seed) != balanced_order(2, 7))
    text = PLAN.replace("blocks = 2", f"blocks = 2\nseed = {seed}")
    other = replace(source, plan=parse_plan(text), text=text)
    measure(RunContext(other, folder, FakeEnvironment([]), Nobody(), FakeLoad([])), Effort())
    assert folder.read_setup().order == balanced_order(2, seed)


def test_the_load_is_told_where_every_service_is(source: Source, folder: RunFolder) -> None:
    told: list[tuple[str, str, dict[str, str]]] = []

    def load(job: Job, **_: object) -> None:
        told.append((job.out.name[3:], job.host, dict(job.urls)))

    measure(RunContext(source, folder, FakeEnvironment([], services=["auth", "pay"]), Nobody(), load), Effort(blocks=1))
    assert sorted(told) == [
        (arm, f"http://{arm}/auth", {"auth": f"http://{arm}/auth", "pay": f"http://{arm}/pay"})
        for arm in ("after", "before")
    ]
    assert [(m.arm, m.service) for m in folder.read_migrations()][1:3] == [("before", "pay"), ("after", "auth")]


def test_the_seconds_until_an_arm_was_ready_reach_the_analysis(source: Source, folder: RunFolder) -> None:
    """Runs of older harnesses without this record stay readable."""
    measure(RunContext(source, folder, FakeEnvironment([]), Nobody(), FakeLoad([])), Effort())
    assert [leg.ready_seconds for leg in analyse(folder).summary.legs] == [0.25] * 4
    for path in folder.path.glob("trials/*/startup.json"):
        path.unlink()
    assert [leg.ready_seconds for leg in analyse(folder).summary.legs] == [None] * 4


def test_migrations_of_an_older_harness_name_no_service(source: Source, folder: RunFolder) -> None:
    measure(RunContext(source, folder, FakeEnvironment([]), Nobody(), FakeLoad([])), Effort())
    path = folder.path / "migrations.json"
    record = json.loads(path.read_text())
    for migration in record["migrations"]:
        del migration["service"]
    path.write_text(json.dumps(record))
    assert [m.service for m in folder.read_migrations()] == [None, None]


@pytest.mark.parametrize(
    "name", ["setup.json", "migrations.json", "trials/01-before/windows.json", "trials/01-before/startup.json"]
)
def test_a_record_of_another_schema_is_refused_although_it_could_be_read(
    source: Source, folder: RunFolder, name: str
) -> None:
    measure(RunContext(source, folder, FakeEnvironment([]), Nobody(), FakeLoad([])), Effort())
    path = folder.path / name
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))
    with pytest.raises(RunFolderError, match="schema 2; this harness reads 1"):
        analyse(folder)


def test_a_run_that_did_not_get_to_its_migrations_has_none(folder: RunFolder) -> None:
    assert folder.read_migrations() == []


ANSWERS = PLAN.replace("[load]", "[answers]\nrequests = 2\n\n[load]")


class Asking:
    """A generator that writes responses, ``says`` by arm, instead of sending requests."""

    def __init__(self, log: list[str], says: dict[str, str] | None = None, *, fail_at: str = "") -> None:
        self.log, self.says, self.fail_at = log, says or {}, fail_at
        self.keys: set[str] = set()

    def __call__(
        self,
        job: Job,
        key: str,
        *,
        on_progress: Callable[[int, int], None],
        check: Callable[[], None],
        on_request: None,
    ) -> None:
        assert on_request is None  # there are no databases
        arm = job.out.stem
        self.log.append(f"ask {arm} at {job.host} with seed {job.seed}")
        self.keys.add(key)
        if arm == self.fail_at:
            raise KeyboardInterrupt
        check()
        on_progress(2, 2)
        text = self.says.get(arm, "{}")
        rows = [Answer(n, "GET /", "/", "", 200, "application/json", digest(text), text) for n in (1, 2)]
        head = {"schema": 1, "wanted": 2, "requests": 2, "user_errors": 0}
        job.out.parent.mkdir(exist_ok=True)
        job.out.write_text("".join(f"{json.dumps(line)}\n" for line in (head, *map(asdict, rows))))


def measured_answers(source: Source, folder: RunFolder, ask: Asking, text: str = ANSWERS) -> list[str]:
    observer = Nobody()
    source = replace(source, plan=parse_plan(text), text=text)
    measure(RunContext(source, folder, FakeEnvironment(ask.log), observer, FakeLoad(ask.log), ask), Effort())
    return observer.heard


def test_both_arms_are_asked_once_before_the_first_block(source: Source, folder: RunFolder) -> None:
    ask = Asking([])
    heard = measured_answers(source, folder, ask)
    asked = [[f"start 00-{arm}", f"ask {arm} at http://{arm} with seed 7", "stop"] for arm in ("before", "after")]
    assert ask.log[2:8] == [event for arm in asked for event in arm]
    assert [event for event in ask.log if event.startswith("start")][2:] == [
        f"start {leg.title}" for leg in legs_of(balanced_order(2, 7))
    ]
    assert heard[1:4] == ["comparing responses: before", "before asked 2 of 2", "comparing responses: after"]
    assert len(ask.keys) == 1
    verdict = analyse(folder).verdict
    assert (verdict.outcome, verdict.answers) == (Outcome.PASS, Outcome.PASS)
    assert ANSWERS_NOT_COMPARED not in verdict.caveats


def test_what_requests_cost_is_part_of_the_record(source: Source, folder: RunFolder) -> None:
    folder.write_request_work(RequestWork("after"))
    measured_answers(source, folder, Asking([]))
    assert folder.changed(folder.read_seals(folder.read_setup())) == []
    path = folder.path / "evidence" / "after.json"
    path.write_text(path.read_text().replace('"missing": ""', '"missing": "x"'))
    assert folder.changed(folder.read_seals(folder.read_setup())) == ["evidence/after.json was changed"]


def test_what_requests_cost_cannot_be_added_later(source: Source, folder: RunFolder) -> None:
    measured_answers(source, folder, Asking([]))
    folder.write_request_work(RequestWork("after"))
    assert folder.changed(folder.read_seals(folder.read_setup())) == ["evidence/after.json was added"]
    path = folder.path / "evidence" / "after.json"
    work = '{"statement": 0, "counts": {}}'
    asked = f'[{{"n": 1, "endpoint": "GET /", "work": [{work}]}}]'
    path.write_text(path.read_text().replace('"requests": []', f'"requests": {asked}'))
    with pytest.raises(RunFolderError, match=r"after.json: damaged .*request 1 ran a statement that is not among"):
        folder.read_request_work()


def test_where_switching_is_dear_each_arm_is_asked_before_its_own_legs(source: Source, folder: RunFolder) -> None:
    external = 'kind = "external"\nswitch = "switch {arm}"\nsequential = true'
    text = ANSWERS.replace('kind = "local"\nserve = "serve --port {port}"', external)
    for arm in ("before", "after"):
        text = text.replace(f"[arms.{arm}]", f'[arms.{arm}]\nurl = "http://a"')
    ask = Asking([])
    measured_answers(source, folder, ask, text)
    starts = [event.removeprefix("start ") for event in ask.log if event.startswith("start")]
    assert starts == ["00-before", "01-before", "02-before", "00-after", "03-after", "04-after"]


def test_a_faster_wrong_answer_fails_although_every_target_holds(source: Source, folder: RunFolder) -> None:
    measured_answers(source, folder, Asking([], {"before": '{"a":1}', "after": '{"a":2}'}))
    verdict = analyse(folder).verdict
    assert {check.outcome for check in verdict.checks} == {Outcome.PASS}
    assert verdict.outcome is Outcome.FAIL


def test_without_a_plan_for_them_answers_are_a_doubt(source: Source, folder: RunFolder) -> None:
    log: list[str] = []
    measure(RunContext(source, folder, FakeEnvironment(log), Nobody(), FakeLoad(log)), Effort())
    assert ANSWERS_NOT_COMPARED in analyse(folder).verdict.caveats
    assert analyse(folder).verdict.answers is None


def test_an_interrupt_while_an_arm_is_asked_goes_down(source: Source, folder: RunFolder) -> None:
    ask = Asking([], fail_at="after")
    with pytest.raises(KeyboardInterrupt):
        measured_answers(source, folder, ask)
    assert ask.log[-1] == "down"
    verdict = analyse(folder).verdict
    assert verdict.outcome is Outcome.INVALID
    assert "NO_ANSWERS" in {breach.code for breach in verdict.breaches}


@pytest.mark.parametrize("arm", ["before", "after"])
def test_a_missing_file_of_answers_is_no_pass(source: Source, folder: RunFolder, arm: str) -> None:
    measured_answers(source, folder, Asking([]))
    (folder.path / "answers" / f"{arm}.jsonl").unlink()
    verdict = analyse(folder).verdict
    assert verdict.outcome is Outcome.INVALID
    assert [breach.seen for breach in verdict.breaches] == [
        f"the answers of {arm} are missing",
        f"the record is not as it was left: answers/{arm}.jsonl is missing",
    ]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: lines[:-1], "1 answers, 2 were recorded; a part is missing"),
        (lambda lines: [*lines[:-1], lines[-1][:20]], "damaged"),
        (lambda lines: [lines[0].replace('"schema": 1', '"schema": 9'), *lines[1:]], "schema 9"),
        (lambda lines: [*lines[:-1], "[]"], "a line is no object"),
        (lambda lines: [*lines[:-1], lines[-1].replace('"status": 200', '"status": "ok"')], "damaged at"),
        (lambda _: [], "schema None"),
    ],
)
def test_a_damaged_file_of_answers_is_named(
    source: Source, folder: RunFolder, damage: Callable[[list[str]], list[str]], message: str
) -> None:
    measured_answers(source, folder, Asking([]))
    path = folder.path / "answers" / "after.jsonl"
    path.write_text("\n".join(damage(path.read_text().splitlines())))
    with pytest.raises(RunFolderError, match=message) as caught:
        analyse(folder)
    assert "after.jsonl" in str(caught.value)


@pytest.mark.parametrize(("seconds", "busy", "blocks"), [(None, 0.2, 2), (600.0, 0.2, 14), (600.0, 0.99, 2)])
def test_blocks_are_added_until_targets_are_known_or_a_guard_breaks(
    source: Source, folder: RunFolder, seconds: float | None, busy: float, blocks: int
) -> None:
    """Equal legs are decided as soon as the stopping rule allows."""

    def load(job: Job, **rest: Callable[..., None]) -> None:
        FakeLoad([])(job, **rest)
        windows = job.out / "windows.json"
        windows.write_text(json.dumps(json.loads(windows.read_text()) | {"cpu_share": busy}))

    measure(RunContext(source, folder, FakeEnvironment([]), Nobody(), load), Effort(seconds=seconds))
    setup = folder.read_setup()
    assert (len(setup.order), setup.legs_planned) == (blocks, 2 * blocks)
    assert {tuple(sorted(order)) for order in setup.order} == {("after", "before")}


MIGRATED = (
    PLAN.replace('kind = "local"', 'kind = "local"\nprovides = ["postgres"]\nmigrate = "migrate {revision}"')
    .replace("[arms.before]", '[arms.before]\nrevision = "1"')
    .replace("[arms.after]", '[arms.after]\nrevision = "2"')
)


@pytest.mark.parametrize(("fails", "said"), [({}, ""), ({"start 00-before": EnvironmentFailedError("gone")}, "gone")])
def test_the_migration_under_load_comes_after_the_blocks_and_costs_none_of_them(
    source: Source, folder: RunFolder, fails: dict[str, BaseException], said: str
) -> None:
    text = MIGRATED + "\n[migration]\nduring = true\n"
    tried, log = replace(source, plan=parse_plan(text), text=text), list[str]()
    measure(RunContext(tried, folder, FakeEnvironment(log, fails), Nobody(), FakeLoad(log)), Effort())
    last = balanced_order(2, 7)[1][1]
    after_the_blocks = log[log.index(f"load 04-{last} at http://{last}") + 1 :]
    wanted = ["stop", "start 00-before", *([] if fails else ["load rehearsal at http://before"])]
    assert after_the_blocks[: len(wanted)] == wanted
    assert log[-1] == "down"
    analysis = analyse(folder)
    assert len(analysis.summary.legs) == 4
    assert analysis.evidence.migration
    assert analysis.evidence.migration.failed == said


def test_an_interrupt_of_the_migration_under_load_keeps_the_blocks(source: Source, folder: RunFolder) -> None:
    text = MIGRATED + "\n[migration]\nduring = true\n"
    tried, log = replace(source, plan=parse_plan(text), text=text), list[str]()
    with pytest.raises(KeyboardInterrupt):
        measure(RunContext(tried, folder, FakeEnvironment(log), Nobody(), FakeLoad(log, fail_at="rehearsal")), Effort())
    assert log[-2:] == ["stop", "down"]
    analysis = analyse(folder)
    assert len(analysis.summary.legs) == 4
    assert analysis.evidence.migration is None


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda path: (path / "record.json").write_bytes((path / "record.json").read_bytes() + b" "),
            "record.json was changed",
        ),
        (lambda path: next((path / "samples").iterdir()).unlink(), "samples/00001.parquet is missing"),
        (lambda path: (path / "seal.json").unlink(), "rehearsal/seal.json is missing"),
    ],
)
def test_a_record_of_the_migration_that_was_changed_later_breaks_the_run(
    source: Source, folder: RunFolder, spoil: Callable[[Path], object], said: str
) -> None:
    text = MIGRATED + "\n[migration]\nduring = true\n"
    tried = replace(source, plan=parse_plan(text), text=text)
    measure(RunContext(tried, folder, FakeEnvironment([]), Nobody(), FakeLoad([])), Effort())
    assert not analyse(folder).verdict.breaches
    spoil(folder.rehearsal)
    verdict = analyse(folder).verdict
    assert verdict.outcome is Outcome.INVALID
    assert any(said in breach.seen for breach in verdict.breaches)
