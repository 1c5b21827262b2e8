"""``python -m tests.trials.kills --trials 50 --seed 1``: kill something at a random moment, see what is left.

Each trial runs a small plan in containers and sends SIGKILL to the harness, its generator, its watchdog, a Compose
command or the main process of a container. Half a minute later nothing of the run may be left, what was measured must
be readable, and no exit code may say PASS for what did not survive.
"""

import argparse
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import docker

from tests.trials.rig import CONTAINERS, Decoys, Run, broken_files, runs, until, words

VICTIMS = ("harness", "generator", "watchdog", "watchdog and harness", "compose", *CONTAINERS)
RUN_SECONDS = 35.0
CLEAN_SECONDS, ENDS_SECONDS = 30.0, 400.0
LOST, INVALID, ENVIRONMENT = -signal.SIGKILL, 4, 5
SURVIVED = (0, 3)
LEGS = 4


@dataclass(frozen=True, slots=True)
class Draw:
    """Victim and moment of a kill: ``delay`` seconds after it has started for the ``turn``-th time."""

    victim: str
    restart: str
    turn: int
    delay: float


@dataclass(frozen=True, slots=True)
class Trial:
    """Outcome of a kill; ``problems`` is empty for a correct one."""

    draw: Draw
    second: float
    status: int
    gone_after: float | None
    legs: int
    problems: tuple[str, ...]
    said: str


def draw(seed: int, number: int) -> Draw:
    """The draw of a trial: victims take turns, so that each comes equally often; all else is chance."""
    chance = random.Random(f"{seed}:{number}")
    victim = VICTIMS[number % len(VICTIMS)]
    restart = chance.choice(("no", "always")) if victim in CONTAINERS else "no"
    if victim in {"generator", "api", "cache"}:
        return Draw(victim, restart, chance.randint(1, 4), chance.uniform(0, 5 if victim != "generator" else 3))
    if victim == "compose":
        return Draw(victim, restart, chance.randint(1, 6), chance.uniform(0, 1.5))
    return Draw(victim, restart, 1, chance.uniform(0, RUN_SECONDS - 10))


def strike(run: Run, chosen: Draw) -> tuple[int, ...]:
    """Wait for the moment and kill; returns the exit codes that are right then, none where the run was over first."""
    seen: set[int] = set()
    turns = 0
    while turns < chosen.turn and not run.over:
        now = set(run.pids(chosen.victim))
        turns += bool(now - seen)
        seen |= now
        time.sleep(0.02)
    time.sleep(chosen.delay)
    while not run.over:
        right = allowed(chosen, run)
        if pids := run.pids(chosen.victim):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return right
        time.sleep(0.02)
    return ()


def allowed(chosen: Draw, run: Run) -> tuple[int, ...]:
    """The exit codes that are right for a kill at this moment."""
    begun, complete = run.legs()
    loaded = bool(run.pids("generator")) or begun > complete
    match chosen.victim:
        case "harness" | "watchdog and harness":
            return (LOST,)
        case "watchdog":  # looked for while a leg is loaded; after the last one nobody needs it any more
            return (ENVIRONMENT, *SURVIVED) if complete == LEGS else (ENVIRONMENT,)
        case "generator":
            return (INVALID,)
        case "compose":
            return (ENVIRONMENT,)
        case "db":  # may be started twice before anything asks it, and end when all is measured
            asked = "seeding" in run.log.read_text() and (begun > complete or complete < LEGS)
            return (INVALID, ENVIRONMENT) if asked else (INVALID, ENVIRONMENT, *SURVIVED)
        case _:  # made anew for each leg: outside of a leg's load it may be on its way out, or come back in time
            return (INVALID, ENVIRONMENT) if loaded else (INVALID, ENVIRONMENT, *SURVIVED)


def trial(run: Run, chosen: Draw, decoys: Decoys) -> Trial | None:
    """Kill, and look at what is left; ``None`` when the run was over first."""
    right = strike(run, chosen)
    if not right:
        return None
    second, volumes = run.second, run.volumes()
    ended = until(lambda: run.over, ENDS_SECONDS)
    if chosen.victim == "watchdog and harness":
        run.harness("gc")
    gone = until(lambda: not run.left(), CLEAN_SECONDS)
    status, said = run.popen.poll(), run.log.read_text(errors="replace")
    found = {
        "the harness did not end": ended is None,
        f"exit code {status}, not one of {right}": status not in right,
        "a traceback instead of a message": "Traceback" in said.partition("last lines of")[0],
        **read_back(run),
        f"{run.left()} things left after {CLEAN_SECONDS:.0f} s": gone is None,
        "something came back after all was gone": gone is not None and run.left() > 0,
        "a volume is left": bool(volumes & {volume.name for volume in run.client.volumes.list()}),
        "a scratch folder is left": bool([*(run.folder / "cache" / "scratch").glob("*/owner")]),
        "a decoy was touched": not decoys.untouched,
    }
    problems = tuple(what for what, so in found.items() if so)
    message = [line for line in said.splitlines() if line.startswith(("error", "INVALID"))]
    return Trial(chosen, second, status or 0, gone, run.legs()[1], problems, words((message or ["-"])[-1]))


def read_back(run: Run) -> dict[str, bool]:
    """What may be wrong with the record, and whether it is."""
    if run.record is None:
        return {}
    done = run.harness("report", str(run.record))
    judged = run.harness("check", str(run.record)).returncode if run.blocks() else 0
    return {
        **{f"not whole: {file}": True for file in broken_files(run.record)},
        f"report ends with {done.returncode} although a block is complete": bool(run.blocks() and done.returncode),
        "report ends with a traceback": "Traceback" in done.stderr,
        f"check ends with {judged}": judged not in {0, 3, 4},
    }


def line(number: int, done: Trial) -> str:
    """A trial in one line."""
    who = done.draw.victim + (" (restarts)" if done.draw.restart == "always" else "")
    gone = "-" if done.gone_after is None else f"{done.gone_after:4.1f}"
    verdict = "; ".join(done.problems) or "ok"
    return (
        f"{number:3d}  {who:<21} at {done.second:4.1f} s  exit {done.status:>3}  gone after {gone} s"
        f"  {done.legs} legs whole  {verdict}  | {done.said}"
    )


def table(trials: Sequence[Trial]) -> str:
    """The trials by victim."""
    by_victim: dict[str, list[Trial]] = defaultdict(list)
    for one in trials:
        by_victim[one.draw.victim].append(one)
    lines = [f"{'killed':<21} trials  exit codes        longest to gone  legs read back  failed"]
    for victim, found in by_victim.items():
        codes = " ".join(map(str, sorted({one.status for one in found})))
        longest = max((one.gone_after for one in found if one.gone_after is not None), default=0.0)
        legs, failed = sum(one.legs for one in found), sum(bool(one.problems) for one in found)
        lines.append(f"{victim:<21} {len(found):6d}  {codes:<16}  {longest:13.1f} s  {legs:14d}  {failed:6d}")
    return "\n".join(lines)


def run_trials(client: docker.DockerClient, seed: int, numbers: Iterable[int]) -> list[Trial]:
    """Run trials one after the other; a moment that came after the end of its run is drawn again, earlier."""
    done: list[Trial] = []
    decoys = Decoys(client)
    try:
        for number in numbers:
            chosen, found = draw(seed, number), None
            while found is None:
                with runs(client) as make:
                    found = trial(make(chosen.restart), chosen, decoys)
                chosen = Draw(chosen.victim, chosen.restart, max(chosen.turn - 1, 1), chosen.delay / 2)
            done.append(found)
            print(line(number, found), flush=True)
    finally:
        decoys.remove()
    return done


def main() -> None:
    """Run the trials and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50, help="number of trials")
    parser.add_argument("--first", type=int, default=1, help="the number of the first, to go on where one left off")
    parser.add_argument("--seed", type=int, default=1, help="random seed")
    asked = parser.parse_args()
    client = docker.from_env()
    done = run_trials(client, asked.seed, range(asked.first, asked.first + asked.trials))
    client.close()
    print("\n" + table(done))
    sys.exit(1 if any(one.problems for one in done) else 0)


if __name__ == "__main__":
    main()
