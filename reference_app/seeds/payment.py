"""Seeded data of the payment service, with skewed (Zipf-like) distributions.

Scale 1 is 12 plans, 40,000 users with 55,000 subscriptions, 300,000 payments and about 280,000 invoices. A subscription
is paid once per period until its renewal date. A failed payment was repeated within the day; a pending one has its
invoice and moved the renewal date, but is not settled yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reference_app.seeding import Column, Numbers, Table, Weights, draw, ids, moments, zipf_weights

_SEED = 7
_DAY = 86_400.0
_PLANS = (  # name, cents, days, whether it is available
    ("Trial", 99, 7, True),
    ("Reader weekly", 249, 7, True),
    ("Reader", 799, 30, True),
    ("Reader yearly", 7_990, 365, True),
    ("Creator", 1_499, 30, True),
    ("Creator yearly", 14_990, 365, True),
    ("Studio", 4_999, 30, True),
    ("Studio quarterly", 13_900, 90, True),
    ("Family", 1_999, 30, True),
    ("Student", 399, 30, True),
    ("Founders", 599, 30, False),
    ("Launch offer", 5_990, 365, False),
)
_PRICES, _PERIOD_DAYS = (np.array([plan[place] for plan in _PLANS]) for place in (1, 2))
_MOST_LOYAL = 8.0  # multiple of the mean
_STILL_ACTIVE = 0.75  # share of the users' newest subscriptions
_LATE = 0.05  # share of these that are late by up to one and a half periods
_MEAN_DAYS_GONE = 200.0
_LARGEST_GAP_DAYS = 60.0
_CANCELLED = 0.7  # share of ended subscriptions; the rest expired
_FAILED, _PENDING, _REFUNDED = 0.08, 0.025, 0.03
_TERM = 14 * _DAY
_SETTLING_SECONDS = 5.0

Flags = npt.NDArray[np.bool_]


def generate(scale: float) -> Iterator[Table]:
    """The four tables, referenced ones first."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    users, subscriptions, payments = (max(round(scale * full), 10) for full in (40_000, 55_000, 300_000))
    subscribed = _subscriptions(users, subscriptions, random)
    paid = _payments(subscribed, payments, random)

    yield Table("plans", _plan_columns())
    yield Table("subscriptions", _subscription_columns(subscribed, paid, random))
    yield Table("payments", _payment_columns(subscribed, paid, random))
    yield Table("invoices", _invoice_columns(subscribed, paid))


@dataclass(frozen=True, slots=True)
class _Subscriptions:
    """One entry per subscription, grouped by user, oldest first. Ages are seconds before the end of the data."""

    users: Numbers
    plans: Numbers
    newest: Flags
    active: Flags

    @property
    def periods(self) -> Weights:
        """Seconds between payments."""
        seconds: Weights = _PERIOD_DAYS[self.plans] * _DAY
        return seconds


@dataclass(frozen=True, slots=True)
class _Payments:
    """One entry per payment, grouped by subscription, oldest first."""

    subscriptions: Numbers
    statuses: npt.NDArray[np.str_]
    ages: Weights
    renewal_ages: Weights
    """The age of each subscription's renewal date."""
    order: Numbers
    """The order of entries in time: the entry at index i has the id i + 1."""

    @property
    def began(self) -> Weights:
        """The age of each subscription, which is that of its first payment."""
        firsts = np.flatnonzero(np.diff(self.subscriptions, prepend=-1))
        ages: Weights = np.maximum.reduceat(self.ages, firsts)
        return ages


def _subscriptions(users: int, count: int, random: np.random.Generator) -> _Subscriptions:
    again = draw(zipf_weights(users, 0.3, random), count - users, random)
    owners = np.sort(np.concatenate([np.arange(users), again]))
    newest = np.diff(owners, append=users) > 0
    return _Subscriptions(
        users=owners,
        plans=draw(zipf_weights(len(_PLANS), 0.9, random), count, random),
        newest=newest,
        active=newest & (random.random(count) < _STILL_ACTIVE),
    )


def _payments(subscribed: _Subscriptions, count: int, random: np.random.Generator) -> _Payments:
    subscriptions = len(subscribed.users)
    loyalty = (-np.log(1 - random.random(subscriptions))).clip(max=_MOST_LOYAL) / subscribed.periods
    counts = 1 + np.bincount(draw(loyalty, count - subscriptions, random), minlength=subscriptions)
    of = np.repeat(np.arange(subscriptions), counts)
    last = np.diff(of, append=subscriptions) > 0
    failed = (random.random(count) < _FAILED) & ~last
    statuses = np.where(failed, "failed", _outcomes(count, random))

    periods_paid = np.bincount(of, weights=~failed, minlength=subscriptions)
    renewal_ages = _renewal_ages(subscribed, periods_paid * subscribed.periods, random)
    before: Numbers = np.cumsum(~failed) - ~failed
    before -= before[np.flatnonzero(np.diff(of, prepend=-1))][of]
    scheduled = renewal_ages[of] + (periods_paid[of] - before) * subscribed.periods[of]
    ages = scheduled + (failed * random.random(count) * _DAY).round()
    return _Payments(of, statuses, ages, renewal_ages, np.argsort(-ages, kind="stable"))


def _outcomes(count: int, random: np.random.Generator) -> npt.NDArray[np.str_]:
    drawn = random.random(count)
    return np.select([drawn < _PENDING, drawn < _PENDING + _REFUNDED], ["pending", "refunded"], "settled")


def _renewal_ages(subscribed: _Subscriptions, spans: Weights, random: np.random.Generator) -> Weights:
    """The ages of renewal dates. A user's earlier subscriptions precede the newest one by turns."""
    count = len(spans)
    late = random.random(count) < _LATE
    ahead = random.random(count) * subscribed.periods * np.where(late, 1.5, -1.0)
    gone = -np.log(1 - random.random(count)) * _MEAN_DAYS_GONE * _DAY
    newest = np.where(subscribed.active, ahead, gone)[subscribed.newest][subscribed.users]
    gaps = (1 + random.random(count) * (_LARGEST_GAP_DAYS - 1)) * _DAY  # at least a day, for failed attempts
    later = np.cumsum((spans + gaps)[::-1])[::-1] - (spans + gaps)
    ages: Weights = newest + later - later[subscribed.newest][subscribed.users]
    return ages.round()


def _plan_columns() -> dict[str, Column]:
    names, prices, days, offered = zip(*_PLANS, strict=True)
    return {
        "id": ids(len(_PLANS)),
        "name": pa.array(names),
        "price_cents": pa.array(prices),
        "period_days": pa.array(days),
        "is_offered": pa.array(offered),
    }


def _subscription_columns(
    subscribed: _Subscriptions, paid: _Payments, random: np.random.Generator
) -> dict[str, Column]:
    count = len(subscribed.users)
    order = _subscription_order(paid)
    ended = np.where(random.random(count) < _CANCELLED, "cancelled", "expired")
    return {
        "id": ids(count),
        "user_id": pa.array(subscribed.users[order] + 1),
        "plan_id": pa.array(subscribed.plans[order] + 1),
        "status": pa.array(np.where(subscribed.active, "active", ended)[order]),
        "started_at": moments(paid.began[order]),
        "renews_at": moments(paid.renewal_ages[order]),
    }


def _payment_columns(subscribed: _Subscriptions, paid: _Payments, random: np.random.Generator) -> dict[str, Column]:
    of, order = paid.subscriptions[paid.order], paid.order
    subscription_ids = np.argsort(_subscription_order(paid)) + 1
    keys = (random.random(len(order)) * 2**32).astype(np.int64)
    return {
        "id": ids(len(order)),
        "user_id": pa.array(subscribed.users[of] + 1),
        "subscription_id": pa.array(subscription_ids[of]),
        "amount_cents": pa.array(_PRICES[subscribed.plans[of]]),
        "status": pa.array(paid.statuses[order]),
        "idempotency_key": pa.array([f"{key:08x}-{number}" for number, key in enumerate(keys.tolist(), start=1)]),
        "created_at": moments(paid.ages[order]),
        "settled_at": _settled_at(paid, order),
    }


def _invoice_columns(subscribed: _Subscriptions, paid: _Payments) -> dict[str, Column]:
    """The invoices of all payments except failed ones."""
    payments = np.flatnonzero(paid.statuses[paid.order] != "failed") + 1
    order = paid.order[payments - 1]
    of = paid.subscriptions[order]
    return {
        "id": ids(len(payments)),
        "payment_id": pa.array(payments),
        "user_id": pa.array(subscribed.users[of] + 1),
        "number": pa.array([f"INV-{payment:010}" for payment in payments.tolist()]),
        "amount_cents": pa.array(_PRICES[subscribed.plans[of]]),
        "created_at": moments(paid.ages[order]),
        "due_at": moments(paid.ages[order] - _TERM),
        "paid_at": _settled_at(paid, order),
    }


def _settled_at(paid: _Payments, order: Numbers) -> Column:
    settled = np.isin(paid.statuses[order], ["settled", "refunded"])
    after = moments((paid.ages[order] - _SETTLING_SECONDS).clip(min=0))
    column: Column = pa.array(np.asarray(after), after.type, mask=~settled)
    return column


def _subscription_order(paid: _Payments) -> Numbers:
    order: Numbers = np.argsort(-paid.began, kind="stable")
    return order
