"""The command that generates load for a run on another machine."""

from functools import partial
from pathlib import Path

import click

from harness.cli.manifest import ManifestOptions, manifest
from harness.cli.signals import terminable
from harness.plan.file import read_plan
from harness.run.address import parse_address
from harness.run.generator_process import check_users
from harness.run.worker import WorkerProcesses

_say = partial(click.echo, err=True)


@click.command()
@click.option("--master", metavar="HOST:PORT", help="The --bind address of the run.")
@click.option("--processes", type=click.IntRange(1, 256), default=1, show_default=True, help="Workers on this machine.")
@click.option("--wait", default=1800.0, show_default=True, metavar="SECONDS", help="How long to wait for the run.")
@click.option("--allow-remote", is_flag=True, help="Accept a master on another machine: see docs/workers.md.")
@click.option("--manifest", "plan", type=click.Path(path_type=Path), metavar="PLAN", help="Print Kubernetes YAML.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, help="With --manifest: number of workers.")
@click.option("--image", help="With --manifest: an image that contains harness and the system under test.")
@click.option("--namespace", default="default", show_default=True, help="With --manifest: the namespace.")
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
    """Generate load for a run on another machine.

    The run sends plan and user files; this machine needs harness only. The worker ends with the run.

    \b
    Examples:
      harness worker --master 127.0.0.1:5557 --processes 4       through an ssh tunnel, or on the same machine
      harness worker --master 10.0.0.5:5557 --allow-remote       over a network that only you use
      harness worker --manifest plan.toml --workers 8 --image registry.example/harness:1 | kubectl apply -f -

    Exit codes: 0 the run is over, 2 usage error, 4 the run or this worker failed, 130 Ctrl-C.
    """
    if plan is not None:
        if not image:
            raise click.UsageError("--manifest needs --image: an image that contains harness and the system under test")
        parsed, text = read_plan(plan)
        files = check_users(parsed, plan, plan.resolve().parent)
        click.echo(manifest(ManifestOptions(plan, text, files, workers, image, namespace)), nl=False)
        return
    if not master:
        raise click.UsageError("give --master HOST:PORT, the --bind address of the run, or --manifest PLAN")
    parse_address("--master", master, allow_remote=allow_remote)
    with terminable():
        WorkerProcesses(master, processes, wait, _say).serve()
    _say("the run is over")
