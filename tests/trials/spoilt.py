"""Faults of a measurement, applied to the record of a run; each with the words that its finding must contain.

A fault that happens while a run is measured is sealed with it; one that happens to the files later is not. Every fault
takes the run folder and a source of chance, and changes as much as a real one would.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.record.readings import SCHEMA as READINGS
from harness.record.readings import write_readings
from harness.record.samples import SCHEMA as SAMPLES
from harness.record.seal import NAME as SEAL
from harness.record.seal import digests, setup_digest

Spoil = Callable[[Path, Random], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault; the output must contain one of ``words``, which name the guard."""

    name: str
    spoil: Spoil
    words: tuple[str, ...]
    measured: bool
    """Whether it happened while the run was measured, so that the record was sealed with it."""


FAULTS: list[Fault] = []


def fault(name: str, *words: str, measured: bool = False) -> Callable[[Spoil], Spoil]:
    """Register a fault."""

    def register(spoil: Spoil) -> Spoil:
        FAULTS.append(Fault(name, spoil, words, measured))
        return spoil

    return register


def spoil(run: Path, chosen: Fault, chance: Random) -> None:
    """Do a fault to a run folder."""
    chosen.spoil(run, chance)
    if chosen.measured:
        seal_again(run)


def seal_again(run: Path) -> None:
    """Seal every leg as it is now; which leg it says it is stays."""
    setup = setup_digest(json.loads((run / "setup.json").read_text()))
    for leg in legs(run):
        if (leg / SEAL).is_file():
            edit(leg / SEAL, put(setup=setup, files=digests(run, leg.name)))


def legs(run: Path, arm: str = "") -> list[Path]:
    """The folders of the legs, of one arm or of all, in the order they ran."""
    return sorted(path for path in (run / "trials").iterdir() if path.name.endswith(arm))


def edit(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change a JSON file."""
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def put(**facts: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:  # noqa: ANN401 - of any type
    """A change that puts values in their places."""
    return lambda said: said | facts


def moved(name: str, clock: str, seconds: float) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A change of one clock at a moment of a seal."""
    return lambda seal: seal | {name: seal[name] | {clock: seal[name][clock] + seconds}}


def one_leg(run: Path, chance: Random, arm: str = "") -> Path:
    """Some leg."""
    return chance.choice(legs(run, arm))


def parts(leg: Path) -> list[Path]:
    """The Parquet parts of a leg."""
    return sorted((leg / "samples").glob("*.parquet"))


def resample(leg: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the columns of a leg's samples, given as lists and arrays of numbers, and the count of requests."""
    table = pa.concat_tables([pq.read_table(part, partitioning=None) for part in parts(leg)])
    columns = {
        f.name: table[f.name].to_numpy() if f.name.endswith("_ns") else table[f.name].to_pylist() for f in SAMPLES
    }
    changed = change(columns)
    arrays = [pa.array(changed[f.name]).cast(f.type) for f in SAMPLES]
    for part in parts(leg)[1:]:
        part.unlink()
    pq.write_table(pa.table(arrays, schema=SAMPLES), parts(leg)[0])
    edit(leg / "windows.json", lambda said: said | {"requests": len(arrays[0])})


def cut(path: Path, chance: Random) -> None:
    """Keep only the beginning of a file, as a full disk or a crash does."""
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(0, max(len(content) - 8, 1))])


def some(count: int, chance: Random, share: float) -> Any:  # noqa: ANN401 - a NumPy array
    """Which of so many rows, about a share of them and at least one."""
    rows = np.random.default_rng(chance.randrange(2**31)).random(count) < share
    rows[chance.randrange(count)] = True
    return rows


# --- files


@fault("a part is cut off", "damaged samples")
def _(run: Path, chance: Random) -> None:
    cut(chance.choice(parts(one_leg(run, chance))), chance)


@fault("a part is missing", "a part is missing")
def _(run: Path, chance: Random) -> None:
    chance.choice(parts(one_leg(run, chance))).unlink()


@fault("rows of a part are missing", "a part is missing")
def _(run: Path, chance: Random) -> None:
    part = chance.choice(parts(one_leg(run, chance)))
    table = pq.read_table(part, partitioning=None)
    pq.write_table(table.slice(0, chance.randrange(1, len(table))), part)


@fault("a part is there twice", "there twice")
def _(run: Path, chance: Random) -> None:
    part = chance.choice(parts(one_leg(run, chance)))
    shutil.copy(part, part.with_name("09999.parquet"))


@fault("a part was sent twice", "there twice", measured=True)
def _(run: Path, chance: Random) -> None:
    leg = one_leg(run, chance)
    part = chance.choice(parts(leg))
    shutil.copy(part, part.with_name("09999.parquet"))
    rows = sum(pq.read_metadata(one).num_rows for one in parts(leg))
    edit(leg / "windows.json", lambda said: said | {"requests": rows})


@fault("a part of another leg", "there twice, or of another leg", "a part is missing", "not as it was left")
def _(run: Path, chance: Random) -> None:
    one, other = chance.choice(legs(run, "before")), chance.choice(legs(run, "after"))
    shutil.copy(parts(other)[0], parts(one)[0])


@fault("samples are changed later", "not as it was left: trials/")
def _(run: Path, chance: Random) -> None:
    resample(one_leg(run, chance, "after"), lambda c: c | {"duration_ns": c["duration_ns"] // 2})


@fault("windows.json is cut off", "windows.json: damaged", "windows.json: cannot be read")
def _(run: Path, chance: Random) -> None:
    cut(one_leg(run, chance) / "windows.json", chance)


@fault("windows.json is missing", "windows.json")
def _(run: Path, chance: Random) -> None:
    (one_leg(run, chance) / "windows.json").unlink()


@fault("a seal is missing", "is missing or has no end", "interrupted")
def _(run: Path, chance: Random) -> None:
    (one_leg(run, chance) / SEAL).unlink()


@fault("a seal is cut off", "seal.json: damaged")
def _(run: Path, chance: Random) -> None:
    cut(one_leg(run, chance) / SEAL, chance)


@fault("startup.json is cut off or missing", "startup.json")
def _(run: Path, chance: Random) -> None:
    path = one_leg(run, chance) / "startup.json"
    cut(path, chance) if chance.random() < 0.5 else path.unlink()


@fault("readings are cut off or missing", "damaged readings", "readings")
def _(run: Path, chance: Random) -> None:
    leg = one_leg(run, chance)
    found = sorted(leg.glob("readings*.parquet"))
    if not found:  # a run without probes
        write_readings([], leg / "readings-late.parquet")
        return
    path = chance.choice(found)
    cut(path, chance) if chance.random() < 0.5 else path.unlink()


@fault("setup.json is cut off or missing", "setup.json")
def _(run: Path, chance: Random) -> None:
    path = run / "setup.json"
    cut(path, chance) if chance.random() < 0.5 else path.unlink()


@fault("plan.toml is cut off or missing", "plan.toml")
def _(run: Path, chance: Random) -> None:
    path = run / "plan.toml"
    cut(path, chance) if chance.random() < 0.5 else path.unlink()


@fault("migrations.json is cut off or missing", "migrations.json")
def _(run: Path, chance: Random) -> None:
    path = run / "migrations.json"
    cut(path, chance) if chance.random() < 0.5 else path.unlink()


@fault("a leg is missing", "is missing or has no end", "interrupted")
def _(run: Path, chance: Random) -> None:
    shutil.rmtree(one_leg(run, chance))


@fault("an arm is missing", "no block was completed")
def _(run: Path, chance: Random) -> None:
    for leg in legs(run, chance.choice(("before", "after"))):
        shutil.rmtree(leg)


@fault("two legs' folders are swapped", "is the record of leg")
def _(run: Path, chance: Random) -> None:
    one, other = chance.choice(legs(run, "before")), chance.choice(legs(run, "after"))
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


@fault("plan.toml is edited after the run", "edited after the run")
def _(run: Path, chance: Random) -> None:
    text = (run / "plan.toml").read_text()
    edits = (
        text + "# just a word\n",
        text.replace("p95 < 60 s", "p95 < 61 s"),
        text.replace('[[targets]]\nexpect = "p95 < 60 s"\n', ""),
        text.replace('name = "', 'name = "better '),
    )
    (run / "plan.toml").write_text(chance.choice([changed for changed in edits if changed != text]))


@fault("setup.json is edited after the run", "setup.json was changed", "the setups do not match")
def _(run: Path, chance: Random) -> None:
    host = {"cores": chance.choice((1, 64)), "cpu": "Another CPU"}
    key = chance.choice(sorted(host))
    edit(run / "setup.json", lambda setup: setup | {"host": setup["host"] | {key: host[key]}})


@fault("the order of the arms is edited", "no block was completed", "is the record of leg", "has no end")
def _(run: Path, chance: Random) -> None:
    del chance
    edit(run / "setup.json", lambda setup: setup | {"order": [arms[::-1] for arms in setup["order"]]})


@fault("fewer legs are planned than named", "setup.json plans")
def _(run: Path, chance: Random) -> None:
    edit(run / "setup.json", lambda setup: setup | {"legs_planned": setup["legs_planned"] + chance.choice((-2, 2, 8))})


# --- requests


@fault("a leg makes no request", "made no request", measured=True)
def _(run: Path, chance: Random) -> None:
    resample(one_leg(run, chance), lambda columns: {name: values[:0] for name, values in columns.items()})


@fault("an arm is empty", "made no request", measured=True)
def _(run: Path, chance: Random) -> None:
    for leg in legs(run, chance.choice(("before", "after"))):
        resample(leg, lambda columns: {name: values[:0] for name, values in columns.items()})


def _failing(columns: dict[str, Any], rows: Any, text: str) -> dict[str, Any]:  # noqa: ANN401
    error = [text if row else was for row, was in zip(rows, columns["error"], strict=True)]
    duration = np.where(rows, 300_000, columns["duration_ns"])
    return columns | {"error": error, "duration_ns": duration}


@fault("all requests of after fail fast", "misses the target", measured=True)
def _(run: Path, chance: Random) -> None:
    text = chance.choice(("HTTP 500", "HTTP 401", "CannotConnectError: refused"))
    for leg in legs(run, "after"):
        resample(leg, lambda c: _failing(c, np.ones(len(c["error"]), dtype=bool), text))


@fault("all requests of a leg fail", "too few samples", "misses the target", "interval contains", measured=True)
def _(run: Path, chance: Random) -> None:
    resample(one_leg(run, chance), lambda c: _failing(c, np.ones(len(c["error"]), dtype=bool), "HTTP 503"))


@fault("an endpoint is renamed", "different requests", measured=True)
def _(run: Path, chance: Random) -> None:
    name = _endpoint(run, chance)
    for leg in legs(run, chance.choice(("before", "after"))):
        resample(leg, lambda c: c | {"endpoint": [n.replace(name, name + "s") for n in c["endpoint"]]})


@fault("an endpoint is renamed in one leg", "has no request of", measured=True)
def _(run: Path, chance: Random) -> None:
    name = _endpoint(run, chance)
    resample(one_leg(run, chance), lambda c: c | {"endpoint": [n.replace(name, name + "s") for n in c["endpoint"]]})


def _endpoint(run: Path, chance: Random) -> str:
    """An endpoint that is requested often enough to be missed."""
    found = pa.concat_tables([pq.read_table(part, partitioning=None) for leg in legs(run) for part in parts(leg)])
    names = [str(name) for name in found["endpoint"].to_pylist()]
    return chance.choice(sorted({name for name in names if names.count(name) > 30 * len(legs(run))}))


@fault("errors of the server count as successes", "count as successes", measured=True)
def _(run: Path, chance: Random) -> None:
    share = chance.uniform(0.1, 1.0)
    for leg in legs(run, "after"):
        resample(
            leg,
            lambda c: (
                c
                | {
                    "status": np.where(some(len(c["status"]), chance, share), 500, c["status"]),
                    "error": [None] * len(c["status"]),
                }
            ),
        )


@fault("after redirects, or answers with nothing", "statuses or em", measured=True)
def _(run: Path, chance: Random) -> None:
    change: dict[str, Any] = chance.choice(({"status": 301}, {"status": 304}, {"size_bytes": 0}))
    for leg in legs(run, "after"):
        resample(leg, lambda c: c | {name: [value] * len(c["status"]) for name, value in change.items()})


# --- times


@fault("negative durations", "negative duration", measured=True)
def _(run: Path, chance: Random) -> None:
    resample(
        one_leg(run, chance),
        lambda c: (
            c | {"duration_ns": np.where(some(len(c["status"]), chance, 0.05), -c["duration_ns"] - 1, c["duration_ns"])}
        ),
    )


@fault("sent before it was due", "before the request was due", measured=True)
def _(run: Path, chance: Random) -> None:
    early = chance.randrange(60_000_000, 10**10)
    resample(
        one_leg(run, chance),
        lambda c: c | {"sent_ns": np.where(some(len(c["status"]), chance, 0.1), c["due_ns"] - early, c["sent_ns"])},
    )


@fault("samples far outside of the load", "a time before the load or more than", measured=True)
def _(run: Path, chance: Random) -> None:
    shift = chance.choice((-1, 1)) * chance.randrange(600, 36_000) * 10**9
    _shift(one_leg(run, chance), chance, shift, chance.uniform(0.01, 1.0))


@fault("samples after the load", "outside of all stages", "no request was due in a measured stage", measured=True)
def _(run: Path, chance: Random) -> None:
    leg = one_leg(run, chance)
    end = json.loads((leg / "windows.json").read_text())["windows"][-1]["end"]
    _shift(leg, chance, round(end * 1e9), 1.0)


def _shift(leg: Path, chance: Random, shift_ns: int, share: float) -> None:
    def change(columns: dict[str, Any]) -> dict[str, Any]:
        rows = some(len(columns["status"]), chance, share)
        return columns | {name: columns[name] + np.where(rows, shift_ns, 0) for name in ("due_ns", "sent_ns")}

    resample(leg, change)


@fault(
    "database times that are no numbers",
    "database times that are no numbers",
    "database time that is negative",
    measured=True,
)
def _(run: Path, chance: Random) -> None:
    value = chance.choice((float("nan"), float("inf"), -1.0))

    def change(columns: dict[str, Any]) -> dict[str, Any]:
        rows = some(len(columns["status"]), chance, 0.02)
        return columns | {"db_ms": [value if row else was for row, was in zip(rows, columns["db_ms"], strict=True)]}

    resample(one_leg(run, chance), change)


@fault("a number in windows.json is none", "is no number", measured=True)
def _(run: Path, chance: Random) -> None:
    key = chance.choice(("cpu_share", "lag_p99_ms"))
    value = chance.choice((float("nan"), float("inf")))
    edit(one_leg(run, chance) / "windows.json", lambda said: said | {key: value})


@fault("the wall clock is set in a leg", "clock of this machine was set in leg", measured=True)
def _(run: Path, chance: Random) -> None:
    step = chance.choice((-1, 1)) * chance.uniform(3, 90_000)
    found = legs(run)
    place = chance.randrange(len(found))
    edit(found[place] / SEAL, moved("ended", "wall", step))
    for leg in found[place + 1 :]:
        _later(leg, step)


@fault("the wall clock is set between legs", "clock of this machine was set between legs", measured=True)
def _(run: Path, chance: Random) -> None:
    step = chance.choice((-1, 1)) * chance.uniform(3, 90_000)
    found = legs(run)
    for leg in found[chance.randrange(1, len(found)) :]:
        _later(leg, step)


def _later(leg: Path, step: float) -> None:
    """All wall-clock times of a leg as they are after the clock was set."""
    for name in ("begun", "ended"):
        edit(leg / SEAL, moved(name, "wall", step))
    _origin(leg, step)


def _origin(leg: Path, step: float) -> None:
    def shifted(said: dict[str, Any]) -> dict[str, Any]:
        origin = datetime.fromisoformat(said["origin"]) + timedelta(seconds=step)
        return said | {"origin": origin.isoformat()}

    edit(leg / "windows.json", shifted)


@fault("the generator's clock is another", "has its origin", measured=True)
def _(run: Path, chance: Random) -> None:
    _origin(one_leg(run, chance), chance.choice((-1, 1)) * chance.uniform(600, 90_000))


@fault("the machine is started again between legs", "clock of this machine was set", measured=True)
def _(run: Path, chance: Random) -> None:
    found = legs(run)
    for leg in found[chance.randrange(1, len(found)) :]:
        for name in ("begun", "ended"):
            edit(leg / SEAL, moved(name, "monotonic", -1e6))


# --- machine, servers, generator


@fault("the host changes between legs", "the setups do not match", measured=True)
def _(run: Path, chance: Random) -> None:
    key, value = chance.choice((("host cores", 1), ("host cpu", "Another CPU"), ("host system", "Linux 1.0")))
    edit(one_leg(run, chance) / SEAL, lambda s: s | {"facts": s["facts"] | {key: value}})


@fault("user files are edited while the run lasts", "the setups do not match", measured=True)
def _(run: Path, chance: Random) -> None:
    value = chance.choice(("gone", "0123456789ab"))
    edit(one_leg(run, chance) / SEAL, lambda s: s | {"facts": s["facts"] | {"user files": value}})


@fault("the stages of a leg are others", "not those of the plan", measured=True)
def _(run: Path, chance: Random) -> None:
    key, add = chance.choice((("users", 5), ("measured_from", 0.5), ("end", 10.0)))

    def change(said: dict[str, Any]) -> dict[str, Any]:
        *first, last = said["windows"]
        return said | {"windows": [*first, last | {key: last[key] + add}]}

    edit(one_leg(run, chance) / "windows.json", change)


@fault("a worker is killed", "was lost", measured=True)
def _(run: Path, chance: Random) -> None:
    leg = one_leg(run, chance)
    lost = {"worker": "worker 2 (here, pid 4711)", "leg": leg.name, "second": 3.0, "how": "signal SIGKILL"}
    edit(leg / "windows.json", lambda said: said | {"lost": [lost]})


@fault("the generator is busy", "of a core: latencies include client-side delay", measured=True)
def _(run: Path, chance: Random) -> None:
    edit(one_leg(run, chance) / "windows.json", lambda said: said | {"cpu_share": chance.uniform(0.81, 4.0)})


@fault("the generator is starved", "stood still", measured=True)
def _(run: Path, chance: Random) -> None:
    leg = one_leg(run, chance)
    _read(leg, "loop_lag_ms", [chance.uniform(600, 3000) for _ in range(_seconds(leg))])


@fault("users stop by themselves", "users were there", measured=True)
def _(run: Path, chance: Random) -> None:
    leg, left = one_leg(run, chance), chance.randrange(0, 4)
    _read(leg, "users", [left] * _seconds(leg))


@fault("users raise exceptions", "exceptions beside", measured=True)
def _(run: Path, chance: Random) -> None:
    edit(
        one_leg(run, chance) / "windows.json",
        lambda said: said | {"user_errors": round(said["requests"] * chance.uniform(0.02, 3.0)) + 1},
    )


def _seconds(leg: Path) -> int:
    return int(json.loads((leg / "windows.json").read_text())["windows"][-1]["end"])


def _read(leg: Path, name: str, values: list[float]) -> None:
    """Put other values, one a second, in the place of a reading of the generator."""
    for path in leg.glob("readings*.parquet"):
        table = pq.read_table(path, partitioning=None).cast(READINGS)
        keep = [
            pair != ("generator", name)
            for pair in zip(table["source"].to_pylist(), table["name"].to_pylist(), strict=True)
        ]
        pq.write_table(table.filter(pa.array(keep, pa.bool_())), path)
    rows = [(round((second + 0.9) * 1e9), "generator", name, value) for second, value in enumerate(values)]
    write_readings(rows, leg / "readings-again.parquet")


@fault("a server restarts in a leg", "restarted", measured=True)
def _(run: Path, chance: Random) -> None:
    _incident(run, chance, {"service": chance.choice(("postgres", "redis")), "what": "restarted", "restarted": True})


@fault("something happens to a container", "ran out of memory", "ended by itself", measured=True)
def _(run: Path, chance: Random) -> None:
    _incident(run, chance, {"service": "api", "what": chance.choice(("ran out of memory", "ended by itself"))})


def _incident(run: Path, chance: Random, what: dict[str, Any]) -> None:
    leg = one_leg(run, chance)
    one = {"leg": leg.name, "second": chance.uniform(1, 9), **what}
    (leg / "incidents.json").write_text(json.dumps({"schema": 1, "incidents": [one]}))
