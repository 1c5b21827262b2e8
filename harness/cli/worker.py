"""The part of the command line that makes load for a run elsewhere."""

from functools import partial
from pathlib import Path

import click

from harness.cli.manifest import Request, manifest
from harness.cli.signals import terminable
from harness.plan.file import read_plan
from harness.run.address import parse_address
from harness.run.generator_process import check_users
from harness.run.worker import WorkerProcesses

_say = partial(click.echo, err=True)


@click.command()
@click.option("--master", metavar="HOST:PORT", help="Where the run is: what its --bind says.")
@click.option("--processes", type=click.IntRange(1, 256), default=1, show_default=True, help="Workers of this machine.")
@click.option("--wait", default=1800.0, show_default=True, metavar="SECONDS", help="How long the run may be away.")
@click.option("--allow-remote", is_flag=True, help="Work for a master on another machine: see docs/workers.md.")
@click.option("--manifest", "plan", type=click.Path(path_type=Path), metavar="PLAN", help="Print YAML for Kubernetes.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, help="With --manifest: how many workers.")
@click.option("--image", help="With --manifest: the image, with harness and the system under test in it.")
@click.option("--namespace", default="default", show_default=True, help="With --manifest: where it goes.")
def worker(
    *,
    master: str | None,
    processes: int,
    wait: float,
    plan: Path | None,
    workers: int,
    image: str | None,
    namespace: str,
    allow_remote: bool,
) -> None:
    """Make load for a run on another machine, which sends plan and user files.

    Nothing but harness is needed here. The worker stays for all legs, and ends with the run.

    \b
    Examples:
      harness worker --master 127.0.0.1:5557 --processes 4       through an ssh tunnel, or on the same machine
      harness worker --master 10.0.0.5:5557 --allow-remote       over a network that only you are on
      harness worker --manifest plan.toml --workers 8 --image registry.example/harness:1 | kubectl apply -f -

    Exit codes: 0 the run is over, 2 usage, 4 the run or this worker broke, 130 Ctrl-C.
    """
    if plan is not None:
        if not image:
            raise click.UsageError("--manifest needs --image, which has harness and the system under test in it")
        parsed, text = read_plan(plan)
        files = check_users(parsed, plan, plan.resolve().parent)
        click.echo(manifest(Request(plan, text, files, workers, image, namespace)), nl=False)
        return
    if not master:
        raise click.UsageError("needs --master HOST:PORT, where the run is, or --manifest PLAN")
    parse_address("--master", master, allow_remote=allow_remote)
    with terminable():
        WorkerProcesses(master, processes, wait, _say).serve()
    _say("the run is over")
