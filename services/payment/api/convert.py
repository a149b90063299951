"""Between the messages of the contract and the values of the domain."""

from google.type.money_pb2 import Money as MoneyMessage

from chassis.grpc.convert import (
    date_from_proto,
    date_to_proto,
    money_from_proto,
    money_to_proto,
    time_to_proto,
)
from kernel.ids import new_uuid
from kernel.money import Money, is_currency
from services.payment.domain.ledger.audit import LedgerAudit, Micros, TenantSums
from services.payment.domain.ledger.balance import Balance
from services.payment.domain.ledger.entries import EventSource, Posting
from services.payment.domain.payment import Payment, Receipt
from services.payment.store.entries import PlacedEntry
from tollbook.payment.v1 import ledger_pb2, payment_pb2
from tollbook.payment.v1.payment_service_pb2 import GetPaymentDigestResponse, PaymentDigest


def receipt_from_proto(message: payment_pb2.Payment) -> Receipt:
    """What the caller states; an id is made when there is none. Raises INVALID_PAYMENT."""
    receipt = Receipt(
        payment_id=message.payment_id or new_uuid(),
        account_id=message.account_id,
        method=message.method,
        amount=money_from_proto(message.amount),
        value_date=date_from_proto(message.value_date),
        evidence=message.evidence,
        invoice_id=message.invoice_id,
    )
    receipt.require_method_of_people()
    return receipt


def payment_to_proto(payment: Payment) -> payment_pb2.Payment:
    """A payment as the contract shows it."""
    receipt = payment.receipt
    return payment_pb2.Payment(
        payment_id=receipt.payment_id,
        account_id=receipt.account_id,
        method=payment_pb2.PaymentMethod.ValueType(receipt.method),
        amount=money_to_proto(receipt.amount),
        value_date=date_to_proto(receipt.value_date),
        evidence=receipt.evidence,
        invoice_id=receipt.invoice_id,
        actor=payment.actor,
        create_time=time_to_proto(payment.create_time),
    )


def balance_to_proto(balance: Balance) -> ledger_pb2.Balance:
    """A balance as the contract shows it."""
    return ledger_pb2.Balance(
        account_id=balance.account_id,
        currency_code=balance.wallet.currency,
        wallet=money_to_proto(balance.wallet),
        unbilled=money_to_proto(balance.unbilled),
        receivable=money_to_proto(balance.receivable),
        promotion=money_to_proto(balance.promotion),
    )


def entry_to_proto(placed: PlacedEntry) -> ledger_pb2.JournalEntry:
    """An entry of the journal as the contract shows it."""
    chain, entry = placed
    return ledger_pb2.JournalEntry(
        journal_entry_id=str(entry.journal_entry_id),
        legal_entity_id=chain.legal_entity_id,
        reason=ledger_pb2.EntryReason.ValueType(entry.reason),
        reference=entry.reference,
        actor=entry.actor,
        create_time=time_to_proto(entry.create_time),
        postings=[_posting_to_proto(posting) for posting in entry.postings],
        chain_sequence=entry.chain_sequence,
        hash=entry.hash.hex(),
        partition=chain.partition,
        source=_source_to_proto(entry.source) if entry.source else None,
    )


def audit_to_proto(audit: LedgerAudit) -> GetPaymentDigestResponse:
    """The sums of every tenant and the findings."""
    return GetPaymentDigestResponse(
        digests=[_digest(tenant_id, sums) for tenant_id, sums in sorted(audit.sums.items())],
        unbalanced_entry_count=audit.unbalanced_count,
        findings=audit.findings,
        ledger_root=audit.root.hex(),
        entry_count=audit.entry_count,
    )


def _source_to_proto(source: EventSource) -> ledger_pb2.EntrySource:
    return ledger_pb2.EntrySource(
        producer=source.producer, partition=source.partition, sequence=source.sequence
    )


def _posting_to_proto(posting: Posting) -> ledger_pb2.Posting:
    return ledger_pb2.Posting(
        ledger_account=ledger_pb2.LedgerAccountKind.ValueType(posting.kind),
        account_id=posting.account_id,
        amount=money_to_proto(Money(posting.currency, posting.micros)),
    )


def _digest(tenant_id: str, sums: TenantSums) -> PaymentDigest:
    return PaymentDigest(
        tenant_id=tenant_id,
        usage_amounts=_amounts(sums.usage),
        rounding_amounts=_amounts(sums.rounding),
        invoiced_amounts=_amounts(sums.invoiced),
        payment_amounts=_amounts(sums.payments),
    )


def _amounts(sums: Micros) -> list[MoneyMessage]:
    # A currency that is none came by tampering; the findings say so, and must reach the caller.
    return [
        money_to_proto(Money(currency, micros))
        for currency, micros in sorted(sums.items())
        if is_currency(currency)
    ]
