"""How many examples a property tries: few before each commit, ten times as many with HYPOTHESIS_PROFILE=thorough.

No deadline: an example may take as long as a busy machine takes for it.
"""

import os

from hypothesis import settings

QUICK, THOROUGH = 25, 250

settings.register_profile("quick", max_examples=QUICK, deadline=None)
settings.register_profile("thorough", max_examples=THOROUGH, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def examples(quick: int) -> settings:
    """The settings of a property that tries so many examples under ``quick``, and ten times as many if thorough."""
    return settings(max_examples=quick * settings().max_examples // QUICK)
