"""The command that tests the measurement on this machine."""

import shutil
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

import reports
from harness.cli.exit_codes import Exit
from harness.cli.signals import Terminated, terminable
from harness.cli.terminal import terminal
from harness.errors import HarnessError
from harness.record.run_folder import RunFolder
from harness.record.selftest import Certificate, CertificateStore, Fitness
from harness.selftest.plans import Size
from harness.selftest.trials import Trials

EXIT = {Fitness.FIT: Exit.PASS, Fitness.INCONCLUSIVE: Exit.INCONCLUSIVE, Fitness.BROKEN: Exit.INVALID}
OVERHEAD_SECONDS = 4.0
QUICK = Size(suites=3, power_suites=2, blocks=4)
TINY = Size(1, 1, 2, seconds=2, delay_seconds=3, freeze_seconds=5, frozen_seconds=1, kill_seconds=8)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Output folder.")
@click.option("--suites", type=click.IntRange(1, 100), help="Suites of A/A tests: 10, or 3 with --quick.")
@click.option("--blocks", type=click.IntRange(2, 50), help="Blocks per suite: 6, or 4 with --quick.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="Random seed.")
@click.option("--quick", is_flag=True, help="Fewer and shorter suites: finds defects, estimates error rates roughly.")
@click.option("--tiny", is_flag=True, hidden=True, help="The smallest selftest, for the tests of harness.")
def selftest(*, out: Path, suites: int | None, blocks: int | None, seed: int, quick: bool, tiny: bool) -> None:
    """Test the measurement on this machine with known outcomes.

    \b
    - A/A tests: no FAIL, and 19 of 20 intervals contain "no change".
    - 20 % more work: found as a regression.
    - A known delay and a frozen service: measured correctly.
    - A killed generator process: the run is INVALID and names it.

    On an idle machine it takes about 25 minutes, --quick about 7. It needs no database.

    The result is written to OUT/selftest.json; reports of later runs in OUT on this machine show it.

    \b
    Examples:
      harness selftest
      harness selftest --quick
      harness selftest --suites 20 --blocks 8 --out /tmp/runs

    Exit codes: 0 fit, 2 usage error, 3 inconclusive, 4 the measurement is broken on this machine, 5 environment,
    130 Ctrl-C.
    """
    size = _size(suites, blocks, quick=quick, tiny=tiny)
    store = CertificateStore(out)
    store.check()
    seconds = sum(size.legs) + OVERHEAD_SECONDS * len(size.legs)
    say = partial(click.echo, err=True)
    say(reports.selftest_begins(size.suites, size.power_suites, size.blocks, seconds))
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    folder = RunFolder.create(out, f"selftest-{stamp}").path.resolve()
    begun = time.monotonic()
    certificate = _certified(Trials(size, seed, folder, say))
    store.keep(certificate)
    if certificate.fitness is Fitness.FIT:
        shutil.rmtree(folder, ignore_errors=True)
    ascii_only = terminal()["ascii_only"]
    click.echo(reports.certificate_text(certificate, time.monotonic() - begun, ascii_only=ascii_only))
    click.echo(f"certificate  {store.path}")
    if folder.exists():
        click.echo(f"trials       {folder}")
    sys.exit(EXIT[certificate.fitness])


def _certified(trials: Trials) -> Certificate:
    """Run all trials; removes them after an interrupt, keeps them after an error."""
    try:
        with terminable():
            return trials.certificate()
    except (KeyboardInterrupt, Terminated):
        shutil.rmtree(trials.folder, ignore_errors=True)
        raise
    except HarnessError as error:
        error.add_note(f"the trials so far are in {trials.folder}")
        raise


def _size(suites: int | None, blocks: int | None, *, quick: bool, tiny: bool) -> Size:
    """The size by options; half as many suites have more work as are A/A tests."""
    size = TINY if tiny else QUICK if quick else Size()
    power_suites = size.power_suites if suites is None else (suites + 1) // 2
    return replace(size, suites=suites or size.suites, power_suites=power_suites, blocks=blocks or size.blocks)
