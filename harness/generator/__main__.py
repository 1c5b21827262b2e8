"""``python -m harness.generator``: make the load of one leg, alone or with workers, or check the user files.

``answers`` sends the corpus of the plan instead and writes one file of responses.

The parent reads progress as JSON lines from standard output; everything else goes to standard error. A leg writes
``samples/*.parquet``, ``readings*.parquet`` and, last, ``windows.json``.
"""

import locust as _patches_the_process  # noqa: F401 # isort: skip

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from harness.generator.answers.requests import CORPUS_SECONDS, request_corpus
from harness.generator.distributed.master import run_with_workers
from harness.generator.distributed.worker import work
from harness.generator.endpoints import endpoints_of
from harness.generator.leg import LegOptions
from harness.generator.single import run_single
from harness.generator.users import load_users, open_user_classes, set_user_variables, source_files
from harness.plan.checks.migration import under_load
from harness.plan.environment import HOST_VARIABLE
from harness.plan.file import read_plan


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the child program; returns its exit status."""
    options = _parser().parse_args(arguments)
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # user files may print
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if options.action == "work":
        return work(options.master, options.slot, options.scratch, channel)
    return _run_leg(options, channel)


def _run_leg(options: argparse.Namespace, channel: TextIO) -> int:
    plan, text = read_plan(options.plan, options.profile)
    if options.until:
        plan = under_load(plan)
    corpus = plan.answers if options.key == "answers.users" else None
    paths = [(options.base / name).resolve() for name in (corpus and corpus.users) or plan.load.users]
    set_user_variables(plan, options.seed)
    if corpus:
        os.environ["HARNESS_SECONDS"] = str(CORPUS_SECONDS)
    users = load_users(paths)
    if not corpus and not any(kind.weight > 0 or kind.fixed_count for kind in users):
        sys.exit("every user class has weight 0 and no fixed_count: there would be no users; give one a weight")
    if plan.open and not corpus and not open_user_classes(users):
        sys.exit("no user class takes the arrivals of the stages: each has a fixed_count or weight 0")
    files = source_files(options.base.resolve(), paths)
    if options.action == "check":
        known = [endpoints_of(path) for path in files]
        endpoints = [] if None in known else sorted(set().union(*(names or () for names in known)))
        print(json.dumps({"files": [str(path) for path in files], "endpoints": endpoints}), file=channel)
        return 0
    if options.action == "answers":
        active = [kind for kind in users if kind.fixed_count or kind.weight > 0]
        request_corpus(plan, active, options.host, options.out, channel, paced=options.paced)
        return 0
    chosen = {name: getattr(options, name) for name in ("host", "seed", "arm", "out", "until", "bind", "last")}
    leg = LegOptions(plan, text, options.base.resolve(), tuple(files), remote=options.workers, **chosen)
    alone = options.workers is None and plan.load.processes == 1
    (run_single if alone else run_with_workers)(leg, users, channel)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.generator", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("check", "run", "answers"):
        lead = actions.add_parser(name)
        lead.add_argument("plan", type=Path)
        lead.add_argument("--base", type=Path, required=True, help="folder that paths of user files are relative to")
        lead.add_argument("--key", default="load.users", help="key of the plan that lists the user files")
        lead.add_argument("--profile", help="the profile of the plan that scales it")
        lead.add_argument("--seed", type=int, default=0)
        host = os.environ.get(HOST_VARIABLE, "")
        lead.add_argument("--host", default=host, help=f"base URL of the system under test; default: {HOST_VARIABLE}")
        lead.add_argument("--arm", default="", help="the arm of the leg, which aborts of the plan may name")
        lead.add_argument("--out", type=Path, help="the leg's folder")
        lead.add_argument("--until", type=Path, help="load during a migration: end when this file exists")
        lead.add_argument("--workers", type=int, help="number of workers on other machines to wait for")
        lead.add_argument("--bind", default="127.0.0.1:0", help="HOST:PORT to listen on for workers")
        lead.add_argument("--paced", action="store_true", help="wait for a byte after each request of a corpus")
        lead.add_argument("--last", action="store_true", help="no further leg follows: workers may exit")
    worker = actions.add_parser("work")
    worker.add_argument("--master", required=True, help="HOST:PORT")
    worker.add_argument("--slot", type=int, default=1, help="number of this worker on its machine")
    worker.add_argument("--scratch", type=Path, required=True, help="empty folder, removed at the end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
