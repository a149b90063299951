"""Drives payment as its neighbours do: events through the inbox, payments through the use case."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import Connection, select

from chassis.bus.envelope import Envelope
from chassis.bus.handler import EventHandler, apply_together
from chassis.bus.inbox import note_applied
from chassis.columns import dictionary, encode, int32, int64, key16, uint8
from chassis.database.engine import Database
from chassis.database.schema import outbox_table
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import money_to_proto
from kernel.clock import utc_now
from kernel.ids import new_uuid
from kernel.money import Money
from kernel.partition import partition_of
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.domain.ledger.audit import LedgerAudit, Watermarks
from services.payment.domain.ledger.balance import Balance
from services.payment.domain.payment import Payment, PaymentMethod, Receipt
from services.payment.events.accounts import ACCOUNT_CHANGED
from services.payment.events.customers import CUSTOMER_ERASED
from services.payment.events.invoices import INVOICE_ISSUED
from services.payment.events.usage import CALLS_RATED
from services.payment.store.ledger_accounts import balance_of
from services.payment.usecases.ledger.audit_ledger import audit_ledger
from services.payment.usecases.posting.record_payment import record_payment
from tollbook.invoice.v1.invoice_events_pb2 import AccountChanged, InvoiceIssued
from tollbook.rating.v1.rating_events_pb2 import CallsRated
from tollbook.type.v1.call_pb2 import Party

T = TypeVar("T")

HANDLERS: dict[str, EventHandler[Any]] = {
    handler.type_name: handler
    for handler in (ACCOUNT_CHANGED, CALLS_RATED, CUSTOMER_ERASED, INVOICE_ISSUED)
}
ENTITY = "3f0c8f3e-2f5b-4e0e-9a8e-4b1f3a6d7c11"


def account(
    mode: PaymentMode = PaymentMode.POSTPAID,
    tenant_id: str = "acme",
    currency: str = "EUR",
    account_id: str = "",
    legal_entity_id: str = ENTITY,
) -> Account:
    """An account that pays for itself."""
    account_id = account_id or new_uuid()
    return Account(tenant_id, account_id, legal_entity_id, account_id, currency, mode)


def accounts_of_partition(partition: int, count: int, **details: Any) -> list[Account]:
    """Accounts whose facts belong to one partition."""
    found: list[Account] = []
    while len(found) < count:
        candidate = account(**details)
        if candidate.chain.partition == partition:
            found.append(candidate)
    return found


def usage(amounts: Iterable[tuple[Account, int]], party: int = Party.PARTY_CUSTOMER) -> CallsRated:
    """A batch of charges, one for each amount."""
    rows = list(amounts)
    charge_ids = [UUID(new_uuid()).bytes for _ in rows]
    columns = {
        "charge_id": key16(charge_ids),
        "revision": int32([1] * len(rows)),
        "party": uint8([party] * len(rows)),
        "payer_account_id": dictionary([payer.account_id for payer, _ in rows]),
        "currency": dictionary([payer.currency for payer, _ in rows]),
        "amount": int64([micros for _, micros in rows]),
        "amount_delta": int64([micros for _, micros in rows]),
    }
    return CallsRated(charges=encode(columns, len(rows)))


def invoice(payer: Account, used: int, net: int, tax: int, invoice_id: str = "") -> InvoiceIssued:
    """An invoice that adds up."""

    def money(micros: int) -> Any:
        return money_to_proto(Money(payer.currency, micros))

    return InvoiceIssued(
        invoice_id=invoice_id or new_uuid(),
        legal_entity_id=payer.legal_entity_id,
        account_id=payer.account_id,
        usage_amount=money(used),
        net_amount=money(net),
        tax_amount=money(tax),
        total_amount=money(net + tax),
        rounding_difference=money(net - used),
    )


def announcement(payer: Account) -> AccountChanged:
    """What invoice tells of an account."""
    return AccountChanged(
        account_id=payer.account_id,
        legal_entity_id=payer.legal_entity_id,
        payer_account_id=payer.payer_account_id,
        currency_code=payer.currency,
        time_zone=payer.time_zone,
        payment_mode=int(payer.mode),  # type: ignore[arg-type]
    )


def receipt(payer: Account, micros: int, **details: Any) -> Receipt:
    """A bank transfer."""
    stated: dict[str, Any] = {
        "payment_id": new_uuid(),
        "account_id": payer.account_id,
        "method": PaymentMethod.BANK_TRANSFER,
        "amount": Money(payer.currency, micros),
        "value_date": date(2026, 11, 20),
        "evidence": "statement 118, line 4",
        "invoice_id": "",
    }
    return Receipt(**(stated | details))


def apply_events(unit_of_work: UnitOfWork, envelopes: Sequence[Envelope]) -> None:
    """What the consumer does with events, in one transaction."""
    apply_together(HANDLERS, unit_of_work, note_applied(unit_of_work, envelopes))


@dataclass
class Books:
    """The service's database, and the logs of its neighbours."""

    database: Database
    _sequences: dict[tuple[str, int], int] = field(default_factory=dict)

    def write(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run a transaction."""
        return asyncio.run(self.database.write(work))

    def read(self, work: Callable[[Connection], T]) -> T:
        """Read on one snapshot."""
        return asyncio.run(self.database.read(work))

    def event(self, body: Message, payer: Account) -> Envelope:
        """The next event of the log that such a message belongs to."""
        event_type = body.DESCRIPTOR.full_name
        partition = partition_of(payer.tenant_id, payer.payer_account_id)
        log = (event_type.split(".")[1], partition)
        self._sequences[log] = self._sequences.get(log, 0) + 1
        content = body.SerializeToString(deterministic=True)
        sequence = self._sequences[log]
        return Envelope(event_type, partition, sequence, payer.tenant_id, utc_now(), "", content)

    def deliver(self, *envelopes: Envelope) -> None:
        """Apply events in one transaction, as the consumer does."""
        self.write(lambda unit_of_work: apply_events(unit_of_work, envelopes))

    def announce(self, *payers: Account) -> None:
        """Make accounts known."""
        self.deliver(*[self.event(announcement(payer), payer) for payer in payers])

    def use(self, *amounts: tuple[Account, int], party: int = Party.PARTY_CUSTOMER) -> None:
        """Charge accounts of one partition in one batch."""
        self.deliver(self.event(usage(amounts, party), amounts[0][0]))

    def issue(self, payer: Account, used: int, net: int, tax: int) -> None:
        """Issue an invoice."""
        self.deliver(self.event(invoice(payer, used, net, tax), payer))

    def pay(self, payer: Account, micros: int, **details: Any) -> Payment:
        """Record a payment."""
        stated = receipt(payer, micros, **details)
        return self.write(lambda uow: record_payment(uow, payer.tenant_id, stated, "ann"))

    def balance(self, payer: Account) -> Balance:
        """The kept balance of an account."""
        return self.read(lambda connection: balance_of(connection, payer))

    def audit(self, watermarks: Watermarks | None = None) -> LedgerAudit:
        """Audit everything."""
        chosen = watermarks or Watermarks({})
        return self.read(lambda connection: audit_ledger(connection, chosen))

    def published(self, kind: type[Message]) -> Sequence[Any]:
        """The events of a kind that went to the outbox, in their order."""
        columns = outbox_table.c
        query = (
            select(columns.body)
            .where(columns.event_type == kind.DESCRIPTOR.full_name)
            .order_by(columns.partition, columns.sequence)
        )
        return self.read(
            lambda connection: [kind.FromString(row.body) for row in connection.execute(query)]
        )
