"""Cache entries of the payment service: lifetimes, and the writes that invalidate them.

Topics of cached responses, and the writes that change them:

    user:{id}            payments and latest invoice of a user     that user pays
    refunds:{user}       payments of a user, their sum             a payment of that user is refunded
    payment:{id}         an invoice                                its payment is refunded
    subscription:{user}  active subscription, lists with it        subscribe, pay, cancel; nightly expiry
    payments:{status}    lists of the payments of all users        a payment or refund, weighted by its time
    due                  lists of subscriptions to renew           a new subscription, weighted by its due time
    overdue              lists of unpaid invoices                  a payment moves the newest time, weighted by it
    plans                active subscribers of each plan           subscribe, cancel; nightly expiry

This service has no fallback: data about money is current, or the response is an error.
"""

from collections.abc import Sequence
from datetime import timedelta

from reference_app.cache import ALWAYS, Cache, Loaded, always, fill, touched
from reference_app.database import Row
from reference_app.fallback import FallbackPolicy
from reference_app.services.payment import entities
from reference_app.services.payment.baseline import BaselineQueries
from reference_app.services.payment.entities import NewPayment, NewSubscription, Status, answer, list_answer

SPACE = "pay"
HOUR, DAY, WEEK = (int(timedelta(hours=hours).total_seconds()) for hours in (1, 24, 7 * 24))
WARM_USERS = 100
EXPIRED_AT_ONCE = 500  # limits the length of a transaction and of an invalidation
ANY = "any"


class CachedPayments:
    """Responses from the cache, or from ``queries``."""

    def __init__(self, queries: BaselineQueries, cache: Cache, _: FallbackPolicy) -> None:
        self._queries = queries
        self._cache = cache

    async def payments(self, user_id: int | None, status: Status | None, limit: int) -> bytes:
        """Payments of a user, or of all."""

        async def load() -> Loaded:
            items = await self._queries.payments(user_id, status, limit)
            of_user = always([f"user:{user_id}", f"refunds:{user_id}"])
            of_all = {f"payments:{status or ANY}": _last(items, limit, "created_at", 1)}
            return Loaded(list_answer(items, entities.LISTED), of_user if user_id else of_all)

        return await self._cache.fetch(f"{SPACE}:payments:{user_id or ANY}:{status or ANY}:{limit}", HOUR, load)

    async def latest_invoice(self, user_id: int) -> bytes:
        """The latest invoice of a user."""

        async def load() -> Loaded:
            return _loaded_latest(await self._queries.latest_invoice(user_id))

        return await self._cache.fetch(_latest_key(user_id), WEEK, load)

    async def invoice(self, invoice_id: int) -> bytes:
        """One invoice."""

        async def load() -> Loaded:
            invoice = await self._queries.invoice(invoice_id)
            return Loaded(answer(invoice, entities.FULL_INVOICE), always([f"payment:{invoice['payment_id']}"]))

        return await self._cache.fetch(f"{SPACE}:invoice:{invoice_id}:full", DAY, load)

    async def overdue(self, limit: int) -> bytes:
        """Unpaid invoices."""

        async def load() -> Loaded:
            items = await self._queries.overdue(limit)
            return Loaded(list_answer(items, entities.INVOICE), {"overdue": _last(items, limit, "due_at", -1)})

        return await self._cache.fetch(f"{SPACE}:overdue:{limit}", HOUR, load)

    async def active_subscription(self, user_id: int) -> bytes:
        """The active subscription of a user."""

        async def load() -> Loaded:
            return _loaded_active(await self._queries.active_subscription(user_id))

        return await self._cache.fetch(_active_key(user_id), WEEK, load)

    async def due(self, limit: int) -> bytes:
        """Subscriptions, ordered by their renewal."""

        async def load() -> Loaded:
            items = await self._queries.due(limit)
            shown = always(f"subscription:{item['user_id']}" for item in items)
            topics = shown | {"due": _last(items, limit, "renews_at", -1)}
            return Loaded(list_answer(items, entities.SUBSCRIPTION), topics)

        return await self._cache.fetch(f"{SPACE}:due:{limit}", HOUR, load)

    async def plans(self) -> bytes:
        """The available plans."""

        async def load() -> Loaded:
            return Loaded(list_answer(await self._queries.plans(), entities.PLAN), always(["plans"]))

        return await self._cache.fetch(f"{SPACE}:plans", HOUR, load)

    async def pay(self, new: NewPayment) -> bytes:
        """Pay. A repetition invalidates too: it may be acknowledged before the first request, or instead of it."""
        paid = await self._queries.pay(new)
        moment = paid["created_at"].timestamp()
        lists = {f"payments:{ANY}": moment, f"payments:{Status.SETTLED}": moment, "overdue": -moment}
        await self._cache.invalidate(lists | touched(f"user:{new.user_id}", f"subscription:{new.user_id}"))
        return answer(paid, entities.RECEIPT)

    async def refund(self, payment_id: int) -> bytes:
        """Refund a settled payment."""
        payment = await self._queries.refund(payment_id)
        lists = (f"payments:{status}" for status in (ANY, Status.SETTLED, Status.REFUNDED))
        about = touched(f"payment:{payment_id}", f"refunds:{payment['user_id']}")
        await self._cache.invalidate(dict.fromkeys(lists, payment["created_at"].timestamp()) | about)
        return answer(payment, entities.PAYMENT)

    async def subscribe(self, new: NewSubscription) -> bytes:
        """Subscribe a user to a plan."""
        subscription = await self._queries.subscribe(new)
        lists = {"due": -subscription["renews_at"].timestamp()}
        await self._cache.invalidate(lists | touched(f"subscription:{new.user_id}", "plans"))
        return answer(subscription, entities.SUBSCRIPTION)

    async def cancel(self, user_id: int) -> bytes:
        """Cancel the active subscription."""
        subscription = await self._queries.cancel(user_id)
        await self._cache.invalidate(touched(f"subscription:{user_id}", "plans"))
        return answer(subscription, entities.SUBSCRIPTION)

    async def refresh(self) -> bool:
        """Cache the latest invoices and active subscriptions of users who paid recently."""

        async def load() -> dict[str, Loaded]:
            invoices = await self._queries.latest_invoices(WARM_USERS)
            subscriptions = await self._queries.active_subscriptions(WARM_USERS)
            latest = {_latest_key(row["user_id"]): _loaded_latest(row) for row in invoices}
            return latest | {_active_key(row["user_id"]): _loaded_active(row) for row in subscriptions}

        return await fill(self._cache, WEEK, load)

    async def rebuild(self) -> bool:
        """Expire unpaid subscriptions; not while the cache cannot be invalidated."""
        while await self._cache.event_number() is not None:
            expired = await self._queries.expire(EXPIRED_AT_ONCE)
            if not expired:
                return True
            await self._cache.invalidate(touched("plans", *(f"subscription:{user_id}" for user_id in expired)))
        return False


_latest_key = f"{SPACE}:invoice:{{}}:latest".format
_active_key = f"{SPACE}:subscription:{{}}:active".format


def _loaded_latest(row: Row) -> Loaded:
    return Loaded(
        answer(row, entities.FULL_INVOICE), always([f"user:{row['user_id']}", f"payment:{row['payment_id']}"])
    )


def _loaded_active(row: Row) -> Loaded:
    return Loaded(answer(row, entities.ACTIVE), always([f"subscription:{row['user_id']}", f"refunds:{row['user_id']}"]))


def _last(items: Sequence[Row], limit: int, name: str, sign: int) -> float:
    """The threshold of a full list is its last entry; any new entry affects a short list."""
    return sign * float(items[-1][name].timestamp()) if len(items) == limit else ALWAYS
