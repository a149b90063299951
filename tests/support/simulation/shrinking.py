"""Makes a failing schedule small: what can be left out, while it still fails, is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.support.simulation.faults import FaultRates
from tests.support.simulation.scenario import PlannedCall, Scenario


def shrink(scenario: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """The smallest schedule that is found by taking away one thing after the other."""
    while smaller := next((each for each in _simpler(scenario) if fails(each)), None):
        scenario = smaller
    return scenario


def _simpler(scenario: Scenario) -> Iterator[Scenario]:
    """What is simpler by one thing; each of these is simpler for good, so shrinking ends."""
    actions = scenario.actions
    for place in range(len(actions)):
        yield replace(scenario, actions=actions[:place] + actions[place + 1 :])
    yield from _luckier(scenario)
    for place, action in enumerate(actions):
        if isinstance(action, PlannedCall):
            for plainer in _plainer(action):
                changed = (*actions[:place], plainer, *actions[place + 1 :])
                yield replace(scenario, actions=changed)
    tenant = scenario.tenant
    if tenant.reseller_wallet_micros is not None:
        plain = replace(tenant, reseller_wallet_micros=None, reseller_rate=None)
        yield replace(scenario, tenant=plain)
    if tenant.daily_cap_micros is not None:
        yield replace(scenario, tenant=replace(tenant, daily_cap_micros=None))
    if tenant.promotion_micros:
        yield replace(scenario, tenant=replace(tenant, promotion_micros=0))
    if tenant.bundle_seconds:
        yield replace(scenario, tenant=replace(tenant, bundle_seconds=0))


def _luckier(scenario: Scenario) -> Iterator[Scenario]:
    for name in FaultRates.__dataclass_fields__:
        if getattr(scenario.rates, name):
            yield replace(scenario, rates=replace(scenario.rates, **{name: 0}))


def _plainer(call: PlannedCall) -> Iterator[PlannedCall]:
    plain = PlannedCall(call.number, 0.0, 0.0, call.talks, call.requested_seconds)
    for name in PlannedCall.__dataclass_fields__:
        if getattr(call, name) != getattr(plain, name):
            yield replace(call, **{name: getattr(plain, name)})
