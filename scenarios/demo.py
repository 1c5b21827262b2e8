"""Users of the demo: people in a hurry, so that four minutes hold enough requests."""

from locust import between
from visitors import Operator, Visitor


class Hurried(Visitor):
    """Thinks for half a second between two steps."""

    wait_time = between(0.25, 0.75)


class Demo(Operator):
    """Recomputes the scores in the middle of the sustain stage."""

    after_seconds = 12.0
