"""Users of the demo: people in a hurry, so that four minutes hold enough requests."""

from locust import between

from scenarios.visitors import Operator, Visitor


class Hurried(Visitor):
    """Thinks for 0.4 s between two steps."""

    wait_time = between(0.2, 0.6)


class Demo(Operator):
    """Recomputes the scores towards the end of the sustain stage."""

    after_seconds = 18.0
