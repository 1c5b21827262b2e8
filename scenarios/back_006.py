"""The users of BACK-006: one mixed load on four services."""

from locust import between

from scenarios.crowd import Operator
from scenarios.members import RECOMMENDATION, Member, Staff


class Person(Member):
    """A member with a mean think time of 0.25 s, so that 100 users make up to 400 requests per second.

    The documents state a think time of one second and 300 requests per second from 100 users, which contradict each
    other.
    """

    wait_time = between(0.15, 0.35)


class Support(Staff):
    """One staff user for the whole load."""

    wait_time = between(0.5, 1.5)


class Batch(Operator):
    """Recomputes the scores during the final ramp."""

    url = RECOMMENDATION
