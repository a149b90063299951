"""Giving a charge back whole, and with it what other parties of the same call are charged."""

from collections.abc import Collection

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.charges.charge import ChargeRevision, Party
from services.rating.domain.charges.settlement import InputKind, Outcome
from services.rating.domain.errors import not_found, precondition
from services.rating.domain.receipts import receipt
from services.rating.store.charges import lock_charges, newest_charges, parties_of
from services.rating.usecases.settling.charge_events import Settlements, record_settlements
from services.rating.usecases.settling.counter_locks import lock_counters_of
from services.rating.usecases.settling.give_back import settled_at_nothing
from services.rating.usecases.settling.moved_calls import is_withdrawn
from services.rating.usecases.settling.note_margins import note_margins_anew
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.tariffs import Tariffs


def refund_charge(
    uow: UnitOfWork,
    tariffs: Tariffs,
    tenant_id: str,
    charge_id: bytes,
    other_parties: Collection[Party] = (),
) -> list[ChargeRevision]:
    """Settle a charge at nothing, and those of other parties; counters get back what they took.

    The charge that is named comes first. A second time changes nothing.

    Raises:
        DomainError: CHARGE_NOT_FOUND, CHARGE_NOT_REFUNDABLE.
    """
    pricing = CallPricing(uow, tariffs, tenant_id)
    _lock(pricing, _asked(pricing, charge_id, other_parties))
    # Read once nobody else can settle them: a record may correct the call at the same time.
    asked = _asked(pricing, charge_id, other_parties)
    for charge in asked:
        _check_priced(charge)
    refunded = [_refunded(pricing, charge) for charge in asked]
    new = [after for after, before in zip(refunded, asked, strict=True) if after is not before]
    record_settlements(uow, tenant_id, Settlements.of(new))
    note_margins_anew(pricing, new)
    pricing.save_counters()
    return refunded


def _asked(
    pricing: CallPricing, charge_id: bytes, others: Collection[Party]
) -> list[ChargeRevision]:
    """The charge that is named, then those of its call that are asked for."""
    connection = pricing.uow.connection
    named = newest_charges(connection, pricing.tenant_id, [charge_id]).get(charge_id)
    if named is None:
        raise not_found("CHARGE", charge_id.hex())
    call = parties_of(connection, named) if others else []
    return [named, *(each for each in call if each.party in others and not is_withdrawn(each))]


def _lock(pricing: CallPricing, charges: Collection[ChargeRevision]) -> None:
    """Accounts, then counters, then charges, as all who settle them do."""
    customers = {
        (charge.account_id, charge.payer_account_id)
        for charge in charges
        if charge.party != Party.SUPPLIER
    }
    lock_counters_of(pricing, customers)
    lock_charges(pricing.uow.connection, [charge.charge_id for charge in charges])


def _check_priced(charge: ChargeRevision) -> None:
    if charge.outcome == Outcome.UNRATED:
        raise precondition(
            "CHARGE_NOT_REFUNDABLE",
            f"charge {charge.charge_id.hex()} of {Party(charge.party).name} has no price "
            f"({charge.unrated_reason}); add what it lacks, or do not ask for this party",
            charge_id=charge.charge_id.hex(),
            party=Party(charge.party).name,
            unrated_reason=charge.unrated_reason,
        )


def _refunded(pricing: CallPricing, charge: ChargeRevision) -> ChargeRevision:
    if charge.source == InputKind.REFUND or is_withdrawn(charge):
        return charge
    refunded = settled_at_nothing(pricing, charge, receipt.REFUNDED)
    return refunded._replace(source=int(InputKind.REFUND))
