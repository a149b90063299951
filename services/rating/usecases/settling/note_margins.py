"""The margin of each party of a call: what it pays less what the next one up is paid."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from services.rating.domain.charges.charge import ChargeRevision, Party
from services.rating.domain.charges.margin import Margin, margin_of
from services.rating.domain.charges.settlement import InputKind
from services.rating.store.charges import charges_of_call
from services.rating.store.margins import forget_margins, save_margins
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.settling.settle_wave import SettledWave

_RANK = {Party.CUSTOMER: 0, Party.RESELLER: 1, Party.SUPPLIER: 2}


def note_margins(pricing: CallPricing, waves: Sequence[SettledWave], kind: InputKind) -> None:
    """Store the margins of calls that have more than one party, as they are after settling."""
    margins: list[Margin] = []
    unknown: list[bytes] = []
    for chain in _chains(pricing, waves, kind):
        for charge, above in pairwise(chain):
            margin = margin_of(charge, above, pricing.tariff)
            if margin is None:
                unknown.append(charge.charge_id)
            else:
                margins.append(margin)
    if unknown:
        forget_margins(pricing.uow.connection, unknown)
    save_margins(pricing.uow.connection, pricing.tenant_id, margins)


def _chains(
    pricing: CallPricing, waves: Sequence[SettledWave], kind: InputKind
) -> Iterator[list[ChargeRevision]]:
    """The charges of each call, from the customer up."""
    is_retry = kind is InputKind.RETRY
    if len(waves) == 1 and not is_retry:
        return
    states = [state for wave in waves for state in wave.states()]
    yield from _retried_chains(pricing, states) if is_retry else _by_call(states)


def _retried_chains(
    pricing: CallPricing, states: Iterable[ChargeRevision]
) -> Iterator[list[ChargeRevision]]:
    """What is tried again may be one party's alone: the others' charges are looked up."""
    seen: set[bytes | None] = set()
    for state in states:
        if state.call_id in seen:
            continue
        seen.add(state.call_id)
        stored = {each.charge_id: each for each in charges_of_call(pricing.uow.connection, state)}
        chain = sorted(stored.values(), key=_place)
        if len(chain) > 1:
            yield chain


def _by_call(states: Iterable[ChargeRevision]) -> Iterator[list[ChargeRevision]]:
    calls: dict[bytes | None, list[ChargeRevision]] = {}
    for state in states:
        calls.setdefault(state.call_id, []).append(state)
    for charges in calls.values():
        if len(charges) > 1:
            yield sorted(charges, key=_place)


def _place(charge: ChargeRevision) -> tuple[int, int]:
    return _RANK[Party(charge.party)], charge.party_level
