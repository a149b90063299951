"""Which counters pricing may read, so that a store can lock and load them first."""

from services.rating.domain.account import Customer, plan_in_force
from services.rating.domain.bundles import bundles_of
from services.rating.domain.counters import CounterKey
from services.rating.domain.priced_call import Usage
from services.rating.domain.tariff import Tariff
from services.rating.domain.volume import volume_key


def counter_keys(usage: Usage, customer: Customer, tariff: Tariff) -> list[CounterKey]:
    """Every counter that pricing a usage may read, those of earlier periods included."""
    plan_id = plan_in_force(customer.subscriptions, usage.start_micros)
    governing = tariff.terms_at(plan_id, usage.start_micros) if plan_id else None
    if governing is None or (governing.is_stateless and not customer.grants):
        return []
    bundles = bundles_of(usage, None, customer, governing, tariff)
    volumes = (
        volume_key(tiers, usage.counted_micros, customer, governing)
        for tiers in governing.revision.volume_tiers
        if tiers.when.holds(usage.facts)
    )
    return [*(bundle.key for bundle in bundles), *volumes]
