"""Loads the Hypothesis profile before any property is collected."""

import tests.examples  # noqa: F401 - importing it is the point
