"""Users of the whole platform: the measured load of BACK-006."""

from locust import between

from scenarios.crowd import Operator
from scenarios.members import RECOMMENDATION, Member, Staff


class Person(Member):
    """Thinks for a quarter of a second between two calls: 100 of them can ask for up to 400 answers a second.

    The documents let each think for a second and claim 300 requests per second of 100 users; both cannot be.
    """

    wait_time = between(0.15, 0.35)


class Support(Staff):
    """One for all."""

    wait_time = between(0.5, 1.5)


class Batch(Operator):
    """Recomputes the scores while the load goes down."""

    url = RECOMMENDATION
