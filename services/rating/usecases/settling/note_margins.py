"""The margin of each party of a call: what it pays less what the next one up is paid."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from services.rating.domain.charges.charge import ChargeRevision, Party
from services.rating.domain.charges.margin import Margin, margin_of
from services.rating.domain.charges.settlement import InputKind
from services.rating.store.charges import charges_of_call
from services.rating.store.margins import forget_margins, save_margins
from services.rating.usecases.settling.moved_calls import is_withdrawn
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.settling.settle_wave import SettledWave

_RANK = {Party.CUSTOMER: 0, Party.RESELLER: 1, Party.SUPPLIER: 2}


def note_margins(pricing: CallPricing, waves: Sequence[SettledWave], kind: InputKind) -> None:
    """Store the margins of calls that have more than one party, as they are after settling."""
    if kind is InputKind.RETRY:
        # What is tried again may be one party's alone.
        note_margins_anew(pricing, (state for wave in waves for state in wave.states()))
    elif len(waves) > 1:
        note_chains(pricing, _by_call(state for wave in waves for state in wave.states()))


def note_margins_anew(pricing: CallPricing, settled: Iterable[ChargeRevision]) -> None:
    """Store the margins of calls of which some parties were settled: the others are looked up."""
    note_chains(pricing, _stored_chains(pricing, settled))


def note_chains(pricing: CallPricing, chains: Iterable[Sequence[ChargeRevision]]) -> None:
    """Store the margins of calls, given the charges of each from the customer up."""
    margins: list[Margin] = []
    unknown: list[bytes] = []
    for chain in chains:
        for charge, above in pairwise(chain):
            margin = margin_of(charge, above, pricing.tariff)
            if margin is None:
                unknown.append(charge.charge_id)
            else:
                margins.append(margin)
    if unknown:
        forget_margins(pricing.uow.connection, unknown)
    save_margins(pricing.uow.connection, pricing.tenant_id, margins)


def _stored_chains(
    pricing: CallPricing, settled: Iterable[ChargeRevision]
) -> Iterator[list[ChargeRevision]]:
    seen: set[bytes | None] = set()
    for state in settled:
        if state.call_id in seen:
            continue
        seen.add(state.call_id)
        stored = {each.charge_id: each for each in charges_of_call(pricing.uow.connection, state)}
        chain = [each for each in stored.values() if not is_withdrawn(each)]
        if len(chain) > 1:
            yield sorted(chain, key=_place)


def _by_call(states: Iterable[ChargeRevision]) -> Iterator[list[ChargeRevision]]:
    calls: dict[bytes | None, list[ChargeRevision]] = {}
    for state in states:
        calls.setdefault(state.call_id, []).append(state)
    for charges in calls.values():
        if len(charges) > 1:
            yield sorted(charges, key=_place)


def _place(charge: ChargeRevision) -> tuple[int, int]:
    return _RANK[Party(charge.party)], charge.party_level
