"""Creating and changing suppliers: each change holds from its moment on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import EPOCH
from kernel.errors import DomainError, ErrorKind
from kernel.ids import is_uuid, new_uuid
from services.rating.domain.errors import (
    currency_mismatch,
    invalid_field,
    not_found,
    precondition,
)
from services.rating.domain.tariffs.supplier import Supplier, check_supplier
from services.rating.store.decks import decks_of
from services.rating.store.plans import plan_of
from services.rating.store.retries import ALL_ACCOUNTS, ask_retry
from services.rating.store.suppliers import (
    append_supplier_revision,
    insert_supplier_if_new,
    list_suppliers,
    supplier_of,
)
from services.rating.store.tariff_numbers import count_tariff, lock_tariff


def create_supplier(uow: UnitOfWork, tenant_id: str, asked: Supplier) -> Supplier:
    """Store a supplier; its creator may choose the id, its decks say the currency.

    Raises:
        DomainError: SUPPLIER_CODE_TAKEN, RATE_DECK_NOT_FOUND, CURRENCY_MISMATCH, TRUNK_TAKEN,
            INVALID_SUPPLIER, INVALID_CODE, INVALID_NAME, INVALID_ID.
    """
    connection = uow.connection
    check_supplier(asked)
    if asked.supplier_id and not is_uuid(asked.supplier_id):
        problem = f"{asked.supplier_id[:40]!r} is no UUID; leave it empty"
        raise invalid_field("INVALID_ID", "supplier.supplier_id", problem)
    lock_tariff(connection, tenant_id)
    supplier = replace(
        asked,
        supplier_id=asked.supplier_id or new_uuid(),
        currency=_currency_of_decks(connection, tenant_id, asked),
        revision=1,
        effective_time=EPOCH,
        create_time=uow.now,
    )
    _check_trunks(connection, tenant_id, supplier)
    # A supplier is priced as a plan of its own: the ids of both are one space.
    is_free = plan_of(connection, tenant_id, supplier.supplier_id) is None
    if not is_free or not insert_supplier_if_new(connection, tenant_id, supplier):
        raise DomainError(
            ErrorKind.ALREADY_EXISTS,
            "SUPPLIER_CODE_TAKEN",
            f"there is a supplier with the code {supplier.code!r} or this id already; "
            "choose another",
            {"code": supplier.code},
        )
    _tell(connection, tenant_id)
    return supplier


def update_supplier(
    uow: UnitOfWork, tenant_id: str, supplier_id: str, changes: Mapping[str, Any]
) -> Supplier:
    """Change fields of a supplier from now on; a change to what it is already is none.

    Raises:
        DomainError: SUPPLIER_NOT_FOUND, RATE_DECK_NOT_FOUND, CURRENCY_MISMATCH, TRUNK_TAKEN,
            INVALID_SUPPLIER, INVALID_CODE, INVALID_NAME.
    """
    connection = uow.connection
    lock_tariff(connection, tenant_id)
    known = supplier_of(connection, tenant_id, supplier_id)
    if known is None:
        raise not_found("SUPPLIER", supplier_id)
    changed = replace(known, **changes)
    if changed == known:
        return known
    check_supplier(changed)
    currency = _currency_of_decks(connection, tenant_id, changed)
    if currency != known.currency:
        raise currency_mismatch("the first deck", known.currency, currency)
    _check_trunks(connection, tenant_id, changed)
    # Clocks of replicas differ; revisions never take force in another order than their own.
    moment = max(uow.now, known.effective_time)
    changed = replace(changed, revision=known.revision + 1, effective_time=moment)
    append_supplier_revision(connection, tenant_id, changed)
    _tell(connection, tenant_id)
    return changed


def _currency_of_decks(connection: Connection, tenant_id: str, supplier: Supplier) -> str:
    """The one currency of all decks of a supplier."""
    decks = decks_of(connection, tenant_id, supplier.rate_deck_ids)
    for deck_id in supplier.rate_deck_ids:
        if deck_id not in decks:
            raise not_found("RATE_DECK", deck_id)
    first, *others = (decks[deck_id] for deck_id in supplier.rate_deck_ids)
    for deck in others:
        if deck.currency != first.currency:
            raise currency_mismatch(f"deck {deck.code!r}", first.currency, deck.currency)
    return first.currency


def _check_trunks(connection: Connection, tenant_id: str, supplier: Supplier) -> None:
    """Refuse a trunk of another supplier; the tariff is locked, so none gets it meanwhile."""
    taken = {
        trunk: other.code
        for other in list_suppliers(connection, tenant_id)
        if other.supplier_id != supplier.supplier_id
        for trunk in other.trunks
    }
    for trunk in supplier.trunks:
        if trunk in taken:
            raise precondition(
                "TRUNK_TAKEN",
                f"trunk {trunk!r} leads to supplier {taken[trunk]!r}; take it from there first",
                trunk=trunk,
                supplier_code=taken[trunk],
            )


def _tell(connection: Connection, tenant_id: str) -> None:
    """Let every replica route and settle by the new suppliers, and retry calls without a cost."""
    count_tariff(connection, tenant_id)
    ask_retry(connection, tenant_id, ALL_ACCOUNTS)
