import re
from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.plan.environment import Local, url_variable
from harness.plan.file import parse_plan, read_plan
from harness.plan.model import Arm
from tests.doubles import CHAIN_PLAN, PLAN

LOCAL = 'kind = "local"\nserve = "serve --port {port}"'
SCENARIOS = Path(__file__).parents[3] / "scenarios"


def test_a_minimal_plan_gets_sensible_defaults() -> None:
    plan = parse_plan(PLAN)
    assert plan.load.blocks == 2
    assert plan.system(Local).postgres_settings["shared_preload_libraries"] == "pg_stat_statements, auto_explain"
    assert [stage.title for stage in plan.stages] == ["ramp", "sustain"]
    assert plan.stages[0].climb_seconds == 2
    assert plan.seconds == 32


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda p: p.name)
def test_every_shipped_plan_can_be_read(path: Path) -> None:
    plan, text = read_plan(path)
    assert plan.targets
    assert text == path.read_text(encoding="utf-8")
    assert all((path.parent / name).is_file() for name in plan.load.users)


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ('kind = "sustain"', 'kind = "sustan"', "stages[1].kind", "'sustain'"),
        ("seconds = 30", "secnds = 30", "stages[1].secnds", 'did you mean "seconds"?'),
        ("blocks = 2", "processes = 0", "load.processes", "greater than or equal to 1"),
        ("blocks = 2", "processes = 257", "load.processes", "less than or equal to 256"),
        ("users = 10", "users = 0", "stages[1].users", "greater than or equal to 1"),
        ("users = 10", 'users = "ten"', "stages[1].users", "valid integer"),
        ("users = 10", "rate = 300", "stages[1].rate", "stages[0] has none"),
        ("users = 10", "rate = 0", "stages[1].rate", "greater than 0"),
        ("users = 10", 'rate = "many"', "stages[1].rate", "valid number"),
        ("users = 10", "", "stages[1]", "needs users, or rate"),
        ("seconds = 30", "seconds = 30\nramp_seconds = 0.5", "stages[1]", "is a jump"),
        ("blocks = 2", 'blocks = 2\narrivals = "uniform"', "load.arrivals", "no stage has a rate"),
        ("seconds = 30", "seconds = 30.5", "stages[1]", "whole number"),
        ("seconds = 30", "seconds = 30\nramp_seconds = 31", "stages[1]", "longer than the stage"),
        ("warmup_seconds = 2", "warmup_seconds = 30", "stages[1]", "leaves nothing"),
        ('kind = "ramp"', 'kind = "sustain"', "stages[1].name", "also stages[0]"),
        ('kind = "sustain"', 'kind = "ramp"\nname = "x"', "stages", "only ramps"),
        ('stage = "sustain"', 'stage = "sustained"', "targets[0].stage", 'did you mean "sustain"?'),
        ("p95 falls", "p59 falls", "targets[0].expect", "nothing measures"),
        ("schema = 1", "schema = 2", "schema", "reads schema 1"),
        ("schema = 1\n", "", "schema", "missing"),
        ('kind = "local"', 'kind = "compose"', "environment.file", "missing"),
        ('kind = "local"', 'kind = "docker"', "environment.kind", 'no kind "docker"; known are local, compose'),
        ('kind = "local"\n', "", "environment.kind", "missing; known are local, compose, external"),
        (" --port {port}", "", "environment", "{port}"),
        (" --port {port}", " --port {port} {prot}", "environment.serve", '"{prot}"'),
        ("serve =", 'seed = "x"\nserve =', "environment", 'add "postgres" to provides'),
        ("[arms.after]\n", "", "arms", "needs [arms.after]"),
        ("[arms.after]", "[arms.after]\n[arms.contrl]", "arms", "is no arm"),
        ("[arms.after]", "[arms.after]\n[arms.control]\nrevision = 'a'", "arms", "leave the table empty"),
        ("[arms.after]", "[arms.after]\nrevison = 'head'", "arms.after.revison", 'did you mean "revision"?'),
        ("[arms.after]", "[arms.after]\nrevision = 'head'", "arms.after.revision", "needs environment.migrate"),
        ("blocks = 2", "blocks = 0", "load.blocks", "greater than or equal to 1"),
        ("blocks = 2", "blocks = nan", "load.blocks", ""),
        ('users = ["users.py"]', "users = []", "load.users", "at least 1"),
        ("users = 10", "users = 1_000_001", "stages[1].users", "less than or equal to 1000000"),
        ("users = 10", 'users = "10"', "stages[1].users", "valid integer"),
        ("seconds = 30", "seconds = 86401", "stages[1].seconds", "less than or equal to 86400"),
        ("serve =", "scale = 0\nserve =", "environment.scale", "greater than 0"),
        ("serve =", 'ready = "health"\nserve =', "environment.ready", "pattern"),
        ("serve =", 'migrate = "x"\nserve =', "environment", 'add "postgres" to provides'),
        ("blocks = 2", "blocks = 101", "load.blocks", "less than or equal to 100"),
        ("blocks = 2", "seed = -1", "load.seed", "greater than or equal to 0"),
        ("[load]", "[loads]", "loads", 'did you mean "load"?'),
    ],
)
def test_a_problem_names_its_key_and_the_fix(old: str, new: str, where: str, what: str) -> None:
    assert old in PLAN
    with pytest.raises(PlanError) as caught:
        parse_plan(PLAN.replace(old, new, 1), "my.toml")
    found = {problem.where: problem.what for problem in caught.value.problems}
    assert where in found
    assert what in found[where]
    assert "my.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("services", "commands", "where", "what"),
    [
        ('["Auth"]', "serve = '{port}'", "environment.services[0]", "pattern"),
        ('["1st"]', "serve = '{port}'", "environment.services[0]", "pattern"),
        (f'["{"a" * 41}"]', "serve = '{port}'", "environment.services[0]", "pattern"),
        ("[]", "serve = '{port}'", "environment.services", "at least 1"),
        (str([f"s{n}" for n in range(21)]), "serve = '{service} {port}'", "environment.services", "at most 20"),
        ('["a", "b", "a"]', "serve = '{service} {port}'", "environment.services", '"a" is named twice'),
        ('["a-b", "a_b"]', "serve = '{service} {port}'", "environment.services", "would both be HARNESS_URL_A_B"),
        ('["a", "b"]', "serve = '{port}'", "environment.serve", 'must contain "{service}", else all 2 services'),
        ('["a", "b"]', "serve = '{service} {port}'\nseed = 'x'", "environment.seed", 'must contain "{service}"'),
        ('["a", "b"]', "serve = '{service} {port}'\nmigrate = 'x'", "environment.migrate", 'must contain "{service}"'),
        (
            '["a", "b"]',
            "serve = '{servce} {port}'",
            "environment.serve",
            'unknown placeholder "{servce}"; known are "{py',
        ),
        ("", "serve = '{service} {port}'", "environment.serve", '"{service}" needs environment.services'),
        ("", "serve = '{port}'\nseed = '{service}'", "environment.seed", '"{service}" needs environment.services'),
        (
            "",
            "serve = '{port}'\nmigrate = '{service}'",
            "environment.migrate",
            '"{service}" needs environment.services',
        ),
        ("", "serve = '{port}'\nseed_inputs = ['x', '{service}']", "environment.seed_inputs[1]", '"{service}" needs'),
    ],
)
def test_services_that_cannot_be_told_apart_or_are_missing(services: str, commands: str, where: str, what: str) -> None:
    listed = f"services = {services}\n" if services else ""
    text = PLAN.replace('serve = "serve --port {port}"', f'provides = ["postgres"]\n{listed}{commands}')
    with pytest.raises(PlanError) as caught:
        parse_plan(text)
    found = {problem.where: problem.what for problem in caught.value.problems}
    assert what in found[where]


def test_services_stand_for_a_placeholder() -> None:
    """One service alone may do without it."""
    several = PLAN.replace('serve = "serve', 'services = ["auth", "pay-ment"]\nserve = "serve {service}')
    assert parse_plan(several).system(Local).parts == ("auth", "pay-ment")
    assert parse_plan(PLAN.replace("serve =", 'services = ["auth"]\nserve =')).system(Local).parts == ("auth",)
    assert parse_plan(PLAN).system(Local).parts == (None,)
    assert url_variable("pay-ment") == "HARNESS_URL_PAY_MENT"
    with pytest.raises(PlanError, match=r'known are "{python}", "{port}", "{scale}", "{service}"'):
        parse_plan(several.replace("--port", "--prot {prot} --port"))


CLAIM = """
[[claims]]
id = "C1"
says = "twice as fast"
expect = ["p95 falls by 50 %", "p95 < 300 ms"]
stage = "sustain"
"""


def test_a_claim_is_judged_by_all_that_it_expects() -> None:
    plan = parse_plan(PLAN + CLAIM)
    assert [target.expect for target in plan.claims[0].targets] == ["p95 falls by 50 %", "p95 < 300 ms"]
    assert [where for where, _ in plan.judged] == ["targets[0]", "claims[0]", "claims[0]"]


@pytest.mark.parametrize(
    ("claim", "where", "what"),
    [
        (CLAIM.replace("p95 falls", "p59 falls"), "claims[0]", "nothing measures"),
        (CLAIM.replace("sustain", "sustan"), "claims[0].stage", 'did you mean "sustain"?'),
        (CLAIM.replace("says", "sais"), "claims[0].sais", 'did you mean "says"?'),
        (CLAIM + 'unmeasured = "no probe"', "claims[0]", "either expect"),
        ('[[claims]]\nid = "C1"\nsays = "fast"', "claims[0]", "either expect"),
        (CLAIM + CLAIM, "claims[1].id", '"C1" is taken'),
    ],
)
def test_claims_that_cannot_be_judged(claim: str, where: str, what: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_plan(PLAN + claim)
    assert what in {p.where: p.what for p in caught.value.problems}[where]


def test_a_chain_is_the_arms_on_the_way_from_before_to_after() -> None:
    plan = parse_plan(CHAIN_PLAN)
    assert plan.arms_in_order == {
        "before": Arm(),
        "queries": Arm(env={"RELEASE": "queries"}),
        "cache": Arm(env={"RELEASE": "queries,cache", "CACHE": "on"}),
        "after": plan.arms["after"],
    }
    assert list(plan.arms) == ["before", "after"]
    assert list(parse_plan(PLAN).arms_in_order) == ["before", "after"]


def test_a_revision_lasts_until_a_step_replaces_it() -> None:
    text = PLAN.replace("serve =", 'provides = ["postgres"]\nmigrate = "x {revision}"\nserve =')
    text = text.replace("[arms.before]", '[arms.before]\nrevision = "1"')
    text = text.replace("[arms.after]", '[arms.after]\nrevision = "3"\nenv = { A = "1" }')
    steps = '{name="two", revision="2"}, {name="a", env={A="1"}}, {name="three", revision="3"}'
    plan = parse_plan(f"{text}\n[attribution]\nsteps = [{steps}]")
    assert [arm.revision for arm in plan.arms_in_order.values()] == ["1", "2", "2", "3"]


STEPS = "attribution.steps"


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ('"cache"', '"queries"', f"{STEPS}[1].name", '"queries" is taken'),
        ('"cache"', '"before"', f"{STEPS}[1].name", '"before" is taken'),
        ('"pool"', '"after"', f"{STEPS}[2].name", '"after" is taken'),
        ('"cache"', '"Cache"', f"{STEPS}[1].name", "pattern"),
        ('"cache"', '"../cache"', f"{STEPS}[1].name", "pattern"),
        ('"cache"', f'"{"c" * 41}"', f"{STEPS}[1].name", "pattern"),
        ('name = "cache", ', "", f"{STEPS}[1].name", "missing"),
        ('"cache", env', '"cache", evn', f"{STEPS}[1].evn", 'did you mean "env"?'),
        ('RELEASE = "queries" }', "}", f"{STEPS}[0]", "changes nothing; give it a revision or an env"),
        ('"queries,cache", CACHE = "on"', '"queries"', f"{STEPS}[1]", "from those of attribution.steps[0]"),
        (
            '{ RELEASE = "all" } }',
            '{ RELEASE = "some" } }',
            f"{STEPS}[2]",
            'env RELEASE is "some", arms.after has "all"',
        ),
        (', CACHE = "on" } },', " } },", f"{STEPS}[2]", 'env CACHE is not set, arms.after has "on"'),
        ('CACHE = "on" } },', 'CACHE = "on", X = "" } },', f"{STEPS}[2]", 'env X is "", arms.after does not set it'),
        ('name = "pool"', 'name = "pool", revision = "2"', f"{STEPS}[2]", 'revision is "2", arms.after does not set'),
        ("steps = [", "stesp = [", "attribution.stesp", 'did you mean "steps"?'),
        ("steps = [", 'stage = "sustan"\nsteps = [', "attribution.stage", 'did you mean "sustain"?'),
        ("steps = [", 'metrics = ["p95", "p59"]\nsteps = [', "attribution.metrics[1]", 'did you mean "p99"?'),
        ("steps = [", 'metrics = ["p95", "p95"]\nsteps = [', "attribution.metrics[1]", "listed twice"),
        ("steps = [", 'metrics = ["error_rate"]\nsteps = [', "attribution.metrics[0]", "changes by points"),
        ("steps = [", "metrics = []\nsteps = [", "attribution.metrics", "at least 1"),
    ],
)
def test_a_chain_that_cannot_be_measured(old: str, new: str, where: str, what: str) -> None:
    before, mark, chain = CHAIN_PLAN.partition("[attribution]")
    assert old in chain
    with pytest.raises(PlanError) as caught:
        parse_plan(before + mark + chain.replace(old, new, 1))
    assert what in {p.where: p.what for p in caught.value.problems}[where]


@pytest.mark.parametrize("steps", ["", '{ name = "all", env = { RELEASE = "all", CACHE = "on" } }'])
def test_one_step_is_no_chain(steps: str) -> None:
    text = CHAIN_PLAN.partition("[attribution]")[0] + f"[attribution]\nsteps = [{steps}]"
    with pytest.raises(PlanError, match=r"attribution.steps: .* at least 2 items"):
        parse_plan(text)


def test_all_problems_are_told_at_once() -> None:
    text = (
        PLAN.replace("users = 10", "users = 0")
        .replace("\nseconds = 2\n", "\nseconds = -3\n")
        .replace("name =", "nme =")
    )
    with pytest.raises(PlanError) as caught:
        parse_plan(text)
    assert {p.where for p in caught.value.problems} == {"nme", "name", "stages[0].seconds", "stages[1].users"}
    assert "4 problems" in str(caught.value)


def test_no_stage_at_all() -> None:
    text = re.sub(r"\[\[stages\]\].*?(?=\[\[targets)", "", PLAN, flags=re.DOTALL).replace('stage = "sustain"', "")
    with pytest.raises(PlanError, match="needs at least one"):
        parse_plan("stages = []\n" + text)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "schema: missing"),
        (b"schema = ", "not valid TOML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a = 1\na = 2", "not valid TOML"),
        (b"a = " + b"[" * 100_000, "not valid TOML"),
        (b"a = " + b"[" * 250 + b"]" * 250, "nested too deeply"),
        (b"environment = " + b"[" * 250 + b"]" * 250, "nested too deeply"),
        (b"a = nan", "unknown key"),
    ],
)
def test_a_file_that_is_no_plan(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(PlanError, match=what):
        read_plan(path)


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "demo.toml").touch()
    with pytest.raises(PlanError, match=r'did you mean ".*demo.toml"'):
        read_plan(tmp_path / "dmo.toml")
    with pytest.raises(PlanError, match="cannot be read"):
        read_plan(tmp_path)


def test_a_stage_may_climb_for_all_of_its_seconds() -> None:
    plan = parse_plan(PLAN.replace("seconds = 30", "seconds = 30\nramp_seconds = 30"))
    assert plan.stages[1].climb_seconds == 30


def test_a_name_is_traced_to_the_stage_that_had_it_first() -> None:
    stage = '\n[[stages]]\nkind = "sustain"\nseconds = 1\nusers = 1\n'
    with pytest.raises(PlanError) as caught:
        parse_plan(PLAN + stage * 2)
    assert [(p.where, "also stages[1]" in p.what) for p in caught.value.problems] == [
        ("stages[2].name", True),
        ("stages[3].name", True),
    ]


PROFILED = (
    PLAN.replace("warmup_seconds = 2", "warmup_seconds = 3\nramp_seconds = 30")
    + """
[profiles.quick]
time = 0.3
blocks = 3
[profiles.tiny]
time = 0.01
least_seconds = 1
[profiles.long]
time = 10
blocks = 8
[profiles.standard]
"""
)


@pytest.mark.parametrize(
    ("profile", "seconds", "climb", "warmup", "blocks"),
    [
        (None, [2, 30], [2, 30], 3, 2),
        ("quick", [2, 9], [2, 9], 0.9, 3),  # the ramp is not lengthened to least_seconds, nor shortened below itself
        ("tiny", [1, 1], [1, 1], 0.1, 2),
        ("long", [20, 300], [20, 300], 30, 8),
        ("standard", [2, 30], [2, 30], 3, 2),
    ],
)
def test_a_profile_scales_time_and_blocks_and_never_targets(
    profile: str | None, seconds: list[float], climb: list[float], warmup: float, blocks: int
) -> None:
    plan = parse_plan(PROFILED, profile=profile)
    assert plan.profile == profile
    assert [stage.seconds for stage in plan.stages] == seconds
    assert [stage.climb_seconds for stage in plan.stages] == pytest.approx(climb)
    assert plan.stages[1].warmup_seconds == pytest.approx(warmup)
    assert plan.load.blocks == blocks
    assert plan.targets == parse_plan(PROFILED).targets


def test_ramps_get_shorter_than_other_stages_where_a_profile_says_so() -> None:
    text = PROFILED.replace("time = 0.3", "time = 0.1\nleast_ramp_seconds = 1")
    assert [stage.seconds for stage in parse_plan(text, profile="quick").stages] == [1, 5]


def test_a_profile_asks_for_as_many_answers_as_it_says() -> None:
    text = PROFILED.replace("blocks = 3", "blocks = 3\nanswers = 40") + "[answers]\nignore = ['at']\n"
    asked = {name: parse_plan(text, profile=name).answers for name in (None, "quick", "tiny")}
    assert {name: corpus and corpus.requests for name, corpus in asked.items()} == {None: 300, "quick": 40, "tiny": 300}
    assert asked["quick"]
    assert asked["quick"].ignore


@pytest.mark.parametrize(("written", "time", "scaled"), [(60, 0.05, 5), (60, 0.1, 6), (13, 0.5, 6), (4, 0.1, 4)])
def test_a_scaled_stage_has_whole_seconds_and_not_too_few(written: int, time: float, scaled: int) -> None:
    text = PLAN.replace("seconds = 30", f"seconds = {written}") + f"\n[profiles.p]\ntime = {time}\n"
    assert parse_plan(text, profile="p").stages[1].seconds == scaled


@pytest.mark.parametrize(
    ("text", "profile", "where", "what"),
    [
        (PROFILED, "quik", "profiles.quik", "no such profile; the plan has quick, tiny, long, standard"),
        (PLAN, "quick", "profiles.quick", "the plan has none"),
        (PROFILED.replace("seconds = 30\nu", "seconds = 9000\nu"), "long", "stages[1].seconds", "[profiles.long]: "),
        (PROFILED.replace("time = 0.3", "time = 0"), None, "profiles.quick.time", "greater than 0"),
        (PROFILED.replace("time = 0.3", "time = 11"), None, "profiles.quick.time", "less than or equal to 10"),
        (PROFILED.replace("time = 0.3", "tme = 0.3"), None, "profiles.quick.tme", 'did you mean "time"?'),
        (PROFILED.replace("blocks = 3", "blocks = 0"), None, "profiles.quick.blocks", "greater than or equal to 1"),
        (PROFILED.replace("blocks = 3", "answers = 9"), None, "profiles.quick.answers", "[answers]"),
        (PROFILED.replace("blocks = 3", "answers = 0"), None, "profiles.quick.answers", "greater than or equal to 1"),
        (PROFILED.replace("least_seconds = 1", "least_seconds = 0.5"), None, "profiles.tiny.least_seconds", "integer"),
    ],
)
def test_profiles_that_do_not_work(text: str, profile: str | None, where: str, what: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_plan(text, profile=profile)
    assert what in {p.where: p.what for p in caught.value.problems}[where]


CAPACITY = (
    PLAN
    + """
[[stages]]
kind = "stress"
name = "low"
seconds = 5
users = 100
[[stages]]
kind = "stress"
name = "high"
seconds = 5
users = 500
[capacity]
limit = ["p95 < 300 ms", "error_rate < 1 %"]
[[targets]]
expect = "users_held >= 500"
[[targets]]
expect = "users_held rises by 900 %"
"""
)


def test_a_plan_says_when_users_are_held() -> None:
    plan = parse_plan(CAPACITY)
    assert [(limit.metric.name, limit.limit) for limit in plan.limits] == [("p95", 300), ("error_rate", 0.01)]
    assert plan.stress_loads == (100, 500)
    assert (parse_plan(PLAN).limits, parse_plan(PLAN).stress_loads) == ((), ())


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ('["p95 < 300 ms", "error_rate < 1 %"]', "[]", "capacity.limit", "needs at least one limit"),
        ("p95 < 300 ms", "p95 falls by 10 %", "capacity.limit", "compares the arms; a limit is absolute"),
        ("p95 < 300 ms", "p59 < 300 ms", "capacity.limit", "nothing measures"),
        ("p95 < 300 ms", "users_held >= 5", "capacity.limit", "there is no users_held of a stage"),
        ("p95 < 300 ms", "migration_seconds < 5 s", "capacity.limit", "there is no migration_seconds of a stage"),
        ("limit = [", "limits = [", "capacity.limits", 'did you mean "limit"?'),
        ('kind = "stress"', 'kind = "peak"', "capacity", "add one for each number of users to try"),
        (">= 500", ">= 600", "targets[1].expect", "the largest stress stage has 500 users; add one of 600 or more"),
        (">= 500", "< 500", "targets[1].expect", 'write "users_held >= 500"'),
        ('>= 500"', '>= 500"\nstage = "high"', "targets[1].stage", "one value of a whole leg or arm; leave stage out"),
        ('>= 500"', '>= 500"\nendpoint = "GET /"', "targets[1].endpoint", "leave endpoint out"),
        ("users_held >= 500", 'ready_seconds < 9 s"\nendpoint = "GET /', "targets[1].endpoint", "leave endpoint out"),
        ("[capacity]\nlimit =", "[profiles]\n#", "targets[1].expect", "define when users are held, as in [capacity]"),
        ("users_held >= 500", "indexes_created >= 40", "targets[1].expect", "add environment.migrate and arms.after"),
        ("users_held >= 500", "migration_seconds < 9 s", "targets[1].expect", "nothing measures migration_seconds"),
    ],
)
def test_a_capacity_that_cannot_be_measured_names_the_fix(old: str, new: str, where: str, what: str) -> None:
    assert old in CAPACITY
    with pytest.raises(PlanError) as caught:
        parse_plan(CAPACITY.replace(old, new))
    assert what in {p.where: p.what for p in caught.value.problems}[where]


OPEN_CAPACITY = (
    CAPACITY
    .replace("users = 100\n", "rate = 100\n").replace("users = 500\n", "rate = 500\n")
    .replace("users = 5\n", "rate = 5\n").replace("users = 10\n", "rate = 10\n")
    .replace("users_held", "rate_held")
)  # fmt: skip


def test_an_open_plan_says_when_a_rate_is_held() -> None:
    plan = parse_plan(OPEN_CAPACITY)
    assert (plan.open, plan.stress_loads) == (True, (100, 500))


@pytest.mark.parametrize(
    ("text", "old", "new", "what"),
    [
        (CAPACITY, "users_held >=", "rate_held >=", "of this plan have users; write users_held"),
        (OPEN_CAPACITY, "rate_held >=", "users_held >=", "of this plan have rates; write rate_held"),
        (OPEN_CAPACITY, ">= 500", ">= 600", "the largest stress stage has 500 req/s; add one of 600 or more"),
        (OPEN_CAPACITY, ">= 500", "< 500", 'a higher rate held is better; write "rate_held >= 500"'),
        (OPEN_CAPACITY, "[capacity]\nlimit =", "[profiles]\n#", "define when a rate is held, as in [capacity]"),
    ],
)  # fmt: skip
def test_what_is_held_has_the_name_of_the_load(text: str, old: str, new: str, what: str) -> None:
    assert old in text
    with pytest.raises(PlanError) as caught:
        parse_plan(text.replace(old, new))
    assert what in {p.where: p.what for p in caught.value.problems}["targets[1].expect"]


def test_a_claim_of_users_held_is_checked_like_a_target() -> None:
    claim = '[[claims]]\nid = "C"\nsays = "holds"\nexpect = ["p95 < 1 s", "users_held >= 501"]\n'
    with pytest.raises(PlanError, match=r"claims\[0\].expect: the largest stress stage has 500 users"):
        parse_plan(CAPACITY + claim)


def test_facts_of_a_migration_need_one() -> None:
    migrated = PLAN.replace("serve =", 'provides = ["postgres"]\nmigrate = "x {revision}"\nserve =')
    target = '[[targets]]\nexpect = "indexes_created >= 40"\n'
    with pytest.raises(PlanError, match=r"arms\.after\.revision"):
        parse_plan(migrated + target)
    assert parse_plan(migrated.replace("[arms.after]", '[arms.after]\nrevision = "head"') + target).targets


def test_the_plans_server_settings_win() -> None:
    plan = parse_plan(PLAN.replace("[arms.before]", '[environment.postgres]\nshared_buffers = "1GB"\n[arms.before]'))
    settings = plan.system(Local).postgres_settings
    assert (settings["shared_buffers"], settings["max_wal_size"]) == ("1GB", "2GB")


@pytest.mark.parametrize(
    ("environment", "fix"),
    [
        ('kind = "local"\nserve = "serve {port}"', 'add "postgres" to environment.provides'),
        ('kind = "compose"\nfile = "x.yml"\nservices = ["api"]', "which service is the database"),
    ],
)
@pytest.mark.parametrize(
    "metric",
    ["slow_statements <= 0", "db_blocks_per_request < 9", "wal_bytes_per_request < 9", "trigger_ms_per_request < 9 ms"],
)
def test_work_of_a_database_that_there_is_not_is_refused(environment: str, fix: str, metric: str) -> None:
    text = f'{PLAN.replace(LOCAL, environment)}\n[[targets]]\nexpect = "{metric}"\n'
    assert LOCAL in PLAN
    with pytest.raises(PlanError, match="nothing measures") as caught:
        parse_plan(text)
    assert fix in str(caught.value)


def test_work_of_a_database_that_there_is_is_not() -> None:
    there = PLAN.replace(LOCAL, LOCAL + '\nprovides = ["postgres"]')
    assert parse_plan(f'{there}\n[[targets]]\nexpect = "slow_statements <= 0"\n').targets[-1].required
    compose = 'kind = "compose"\nfile = "x.yml"\nservices = ["api"]\ndatabase = "db"'
    text = f'{PLAN.replace(LOCAL, compose)}\n[[targets]]\nexpect = "slow_statements <= 0"\n'
    assert parse_plan(text).targets[-1].expectation.metric.name == "slow_statements"
