"""Giving back a charge whole."""

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.charges.charge import ChargeRevision, Party
from services.rating.domain.charges.settlement import InputKind, Outcome
from services.rating.domain.errors import not_found, precondition
from services.rating.domain.receipts import receipt
from services.rating.store.charges import lock_charges, newest_charges
from services.rating.usecases.settling.charge_events import Settlements, record_settlements
from services.rating.usecases.settling.give_back import settled_at_nothing
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.tariffs import Tariffs


def refund_charge(
    uow: UnitOfWork, tariffs: Tariffs, tenant_id: str, charge_id: bytes
) -> ChargeRevision:
    """Settle a charge at nothing; counters get back what it took. A second time changes nothing.

    Raises:
        DomainError: CHARGE_NOT_FOUND, CHARGE_NOT_REFUNDABLE.
    """
    pricing = CallPricing(uow, tariffs, tenant_id)
    lock_charges(uow.connection, [charge_id])
    charge = newest_charges(uow.connection, tenant_id, [charge_id]).get(charge_id)
    if charge is None:
        raise not_found("CHARGE", charge_id.hex())
    if charge.outcome == Outcome.UNRATED or charge.party == Party.SUPPLIER:
        raise precondition(
            "CHARGE_NOT_REFUNDABLE",
            f"charge {charge_id.hex()} has no price or is a supplier's cost; refund a customer's "
            "or reseller's priced charge",
            charge_id=charge_id.hex(),
        )
    if charge.source == InputKind.REFUND:
        return charge
    refunded = settled_at_nothing(pricing, charge, receipt.REFUNDED)
    refunded = refunded._replace(source=int(InputKind.REFUND))
    record_settlements(uow, tenant_id, Settlements.of([refunded]))
    pricing.save_counters()
    return refunded
