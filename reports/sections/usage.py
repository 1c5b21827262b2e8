"""CPU, memory, threads and files of servers and services in both arms, and growth of memory under steady load."""

from typing import NamedTuple

from harness.analysis.summary import Summary
from harness.analysis.usage import Consumer
from harness.plan.model import ARMS
from reports import formatting
from reports.formatting import FormattedValue


class UsageSide(NamedTuple):
    """CPU in % of the host, peak memory in MB, peak threads and open files, growth of memory in MB/h."""

    cpu: FormattedValue
    memory: FormattedValue
    opened: FormattedValue
    growth: FormattedValue
    verdict: str


class UsageRow(NamedTuple):
    """A server or service in both arms."""

    name: str
    before: UsageSide
    after: UsageSide


def usage_rows(summary: Summary) -> tuple[UsageRow, ...]:
    """A row for each server and service that was read, in the order of the record."""
    found = {(consumer.arm, consumer.name): consumer for consumer in summary.consumers if consumer.arm in ARMS}
    names = dict.fromkeys(name for _, name in found)
    return tuple(UsageRow(formatting.plain(name), *(_side(found.get((arm, name))) for arm in ARMS)) for name in names)


def _side(consumer: Consumer | None) -> UsageSide:
    if consumer is None:
        unread = formatting.missing("not read in this arm")
        return UsageSide(unread, unread, unread, unread, "")
    cpu = formatting.value_or(consumer.cpu, formatting.in_percent, "read only once")
    memory = FormattedValue(formatting.number(consumer.memory_mb))
    return UsageSide(cpu, memory, _opened(consumer), _growth(consumer), consumer.course or "")


def _opened(consumer: Consumer) -> FormattedValue:
    counts = [None if one is None else formatting.count(one) for one in (consumer.threads, consumer.descriptors)]
    if counts == [None, None]:
        return formatting.missing("not reported by its probe")
    return FormattedValue(" / ".join(text or formatting.DASH for text in counts))


def _growth(consumer: Consumer) -> FormattedValue:
    growth = consumer.growth
    if growth is None:
        return formatting.missing("needs an endurance stage of 16 s or more")
    ends = f"{formatting.signed(growth.low)} {formatting.ELLIPSIS} {formatting.signed(growth.high)}"
    return FormattedValue(f"{formatting.signed(growth.value)} ({ends})")
