"""Users of the demo, with a short think time, so that five minutes yield enough requests."""

from locust import between

from scenarios.crowd import Operator
from scenarios.visitors import Visitor


class Hurried(Visitor):
    """A visitor with a mean think time of 0.4 s."""

    wait_time = between(0.2, 0.6)


class Demo(Operator):
    """Recomputes the scores near the end of the load, so that it affects few requests of the visitors."""

    after_share = 0.92
