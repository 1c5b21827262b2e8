"""Hypothesis profiles: few examples by default, ten times as many with HYPOTHESIS_PROFILE=thorough.

No deadline: an example may take as long as a busy machine takes for it.
"""

import os

from hypothesis import settings

QUICK, THOROUGH = 25, 250

settings.register_profile("quick", max_examples=QUICK, deadline=None)
settings.register_profile("thorough", max_examples=THOROUGH, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def examples(quick: int) -> settings:
    """Settings of a property with ``quick`` examples by default and ten times as many under ``thorough``."""
    return settings(max_examples=quick * settings().max_examples // QUICK)
