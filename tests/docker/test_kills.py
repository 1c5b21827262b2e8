"""Two trials of ``tests.trials.kills`` at fixed moments; ``make trials`` runs all."""

import docker
import pytest

from tests.trials.kills import Draw, trial
from tests.trials.rig import Decoys, runs

pytestmark = [pytest.mark.thorough]


@pytest.mark.parametrize("chosen", [Draw("watchdog and harness", "no", 1, 5.0), Draw("db", "always", 1, 4.0)], ids=str)
def test_a_kill_leaves_nothing_and_is_reported(client: docker.DockerClient, chosen: Draw) -> None:
    decoys = Decoys(client)
    try:
        with runs(client) as make:
            found = trial(make(chosen.restart), chosen, decoys)
    finally:
        decoys.remove()
    assert found is not None, "the run was over before the kill"
    assert found.problems == ()
