"""The random, balanced order of the arms in each block."""

import random
from collections.abc import Sequence
from itertools import cycle, islice

from harness.plan.model import ARMS
from harness.record.leg import Order


def balanced_order(blocks: int, seed: int, arms: Sequence[str] = ARMS) -> Order:
    """A random order of the arms for each block; every arm has every place equally often, up to one block."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    rows = list(islice(cycle(_williams(len(arms))), blocks))
    chance.shuffle(rows)
    names = arms if len(arms) == len(ARMS) else chance.sample(arms, len(arms))
    return tuple(tuple(names[index] for index in row) for row in rows)


def _williams(n: int) -> list[tuple[int, ...]]:
    """Orders of ``n`` arms in which each also follows each other equally often: n rows, for odd n 2 n.

    For even n a row and its mirror image are adjacent, so that of two arms each comes first in half of the rows.
    Source: Williams (1949), Designs balanced for residual effects.
    """
    first = [(place + 1) // 2 if place % 2 else -place // 2 % n for place in range(n)]
    rows = [tuple((index + shift) % n for index in first) for shift in range(n)]
    if n % 2:
        return [*rows, *(row[::-1] for row in rows)]
    return [row for pair in zip(rows[: n // 2], rows[n // 2 :], strict=True) for row in pair]


def extended(order: Order, seed: int) -> Order:
    """The order with one more block; two consecutive additions balance each other."""
    number = len(order)
    pair = balanced_order(2, seed + 1 + number // 2, sorted(order[0]))
    return (*order, pair[number % 2])
