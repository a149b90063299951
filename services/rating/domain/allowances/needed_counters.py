"""Which counters pricing may read, so that a store can lock and load them first."""

from collections.abc import Iterable, Iterator

from services.rating.domain.account import Customer, plan_in_force
from services.rating.domain.allowances.bundles import open_bundles
from services.rating.domain.allowances.volume import volume_key
from services.rating.domain.counter_periods import CounterCycle, Span
from services.rating.domain.counters import CounterKey
from services.rating.domain.priced_call import Usage
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.tariffs.terms import Terms

_NEVER = 2**62

Times = tuple[int, int]
"""When a usage started, and the instant whose periods' counters count it."""


def counter_keys(usage: Usage, customer: Customer, tariff: Tariff) -> set[CounterKey]:
    """Every counter that pricing a usage may read, those of earlier periods included."""
    return counters_over_time([(usage.start_micros, usage.counted_micros)], customer, tariff)


def counters_over_time(
    times: Iterable[Times], customer: Customer, tariff: Tariff
) -> set[CounterKey]:
    """Every counter that pricing usages of some times may read, whatever their conditions."""
    keys: set[CounterKey] = set()
    steady_until = -1
    for start, counted in sorted(times):
        if start == counted and start < steady_until:
            continue
        governing = _governing(start, customer, tariff)
        if governing is not None:
            keys.update(_keys(start, counted, customer, governing, tariff))
        if start == counted:
            steady_until = _steady_until(start, customer, governing)
    return keys


def counted_span(instant_micros: int, customer: Customer, governing: Terms) -> Span:
    """The time around an instant in which usage is counted in the same periods."""
    revision = governing.revision
    kinds = {each.period for each in revision.bundles}
    kinds.update(each.period for each in revision.volume_tiers)
    cycles = [CounterCycle(each, customer.payer.cycle, revision.time_zone) for each in kinds]
    periods = [cycle.period_at(instant_micros) for cycle in cycles]
    starts, ends = zip(Span(0, _NEVER), *periods, strict=True)
    return Span(max(starts), min(ends))


def _governing(start: int, customer: Customer, tariff: Tariff) -> Terms | None:
    plan_id = plan_in_force(customer.subscriptions, start)
    return tariff.terms_at(plan_id, start) if plan_id else None


def _keys(
    start: int, counted: int, customer: Customer, governing: Terms, tariff: Tariff
) -> Iterator[CounterKey]:
    for bundle in open_bundles(start, counted, customer, governing, tariff):
        yield bundle.key
    for tiers in governing.revision.volume_tiers:
        yield volume_key(tiers, counted, customer, governing)


def _steady_until(start: int, customer: Customer, governing: Terms | None) -> int:
    """Until when usage from a start on needs the same counters."""
    if governing is None:
        return start
    changes = [governing.until_micros, counted_span(start, customer, governing).end_micros]
    changes += [each for span in customer.subscriptions for each in span[1:]]
    for grant in customer.grants:
        changes += (grant.start_micros, grant.end_micros)
    return min(each for each in changes if each is not None and each > start)
