"""The rules that must hold between the services' digests, and what breaks them; nothing else."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from google.type.money_pb2 import Money as MoneyMessage

from chassis.grpc.convert import money_from_proto
from tollbook.cdr.v1.cdr_service_pb2 import CdrDigest
from tollbook.invoice.v1.invoice_service_pb2 import InvoiceDigest
from tollbook.payment.v1.payment_service_pb2 import GetPaymentDigestResponse, PaymentDigest
from tollbook.rating.v1.rating_service_pb2 import RatingDigest


class _OfTenant(Protocol):
    @property
    def tenant_id(self) -> str: ...


D = TypeVar("D", bound=_OfTenant)


@dataclass(frozen=True, slots=True)
class Digests:
    """What the services say, all at common watermarks but `cdr_whole`."""

    # Without a watermark, as what comes in is counted where it comes in.
    cdr_whole: Sequence[CdrDigest]
    cdr: Sequence[CdrDigest]
    rating: Sequence[RatingDigest]
    payment: GetPaymentDigestResponse
    invoice: Sequence[InvoiceDigest]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two figures of a tenant that must be equal: counts, or micros of a currency."""

    rule: str
    tenant_id: str
    currency: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        """Whether they are."""
        return self.left == self.right


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Everything compared, and what is wrong in itself."""

    comparisons: list[Comparison]
    faults: list[str]

    @property
    def holds(self) -> bool:
        """Whether nothing is missing and nothing is doubled."""
        return not self.faults and all(each.holds for each in self.comparisons)


def reconcile_digests(digests: Digests) -> Reconciliation:
    """Apply every rule to every tenant that any service knows."""
    return Reconciliation(list(_comparisons(digests)), list(_faults(digests)))


def _comparisons(digests: Digests) -> Iterator[Comparison]:
    cdr_whole, cdr = _by_tenant(digests.cdr_whole), _by_tenant(digests.cdr)
    rating, invoice = _by_tenant(digests.rating), _by_tenant(digests.invoice)
    payment = _by_tenant(digests.payment.digests)
    for tenant in sorted({*cdr_whole, *cdr, *rating, *payment, *invoice}):
        received = cdr_whole.get(tenant, CdrDigest())
        collected = cdr.get(tenant, CdrDigest())
        rated = rating.get(tenant, RatingDigest())
        posted = payment.get(tenant, PaymentDigest())
        invoiced = invoice.get(tenant, InvoiceDigest())
        yield from _of_records(tenant, received, collected, rated)
        yield from _of_usage(tenant, rated, posted, invoiced)
        yield from _of_invoices(tenant, invoiced, posted)


def _of_records(
    tenant: str, received: CdrDigest, collected: CdrDigest, rated: RatingDigest
) -> Iterator[Comparison]:
    """No record and no call is lost on its way to a price."""
    ended = received.accepted_count + received.duplicate_count + received.suspended_count
    priced = rated.rated_count + rated.zero_count + rated.unrated_count + rated.merged_count
    for rule, left, right in (
        ("records received = accepted + duplicate + suspended", received.received_count, ended),
        ("calls accepted = sent on", received.accepted_count, received.collected_count),
        ("calls sent on = taken by rating", collected.collected_count, rated.collected_count),
        ("calls taken = rated + zero + unrated + merged", rated.collected_count, priced),
    ):
        yield Comparison(rule, tenant, "", left, right)


def _of_usage(
    tenant: str, rated: RatingDigest, posted: PaymentDigest, invoiced: InvoiceDigest
) -> Iterator[Comparison]:
    """Every charge is in the ledger and in a billing period, once."""
    revisions = (rated.charge_revision_count, invoiced.charge_revision_count)
    yield Comparison("charge revisions = folded into periods", tenant, "", *revisions)
    charged = _micros(rated.charged_amounts)
    yield from _of_money(
        "charged = posted to the ledger", tenant, charged, _micros(posted.usage_amounts)
    )
    yield from _of_money(
        "charged = folded into periods", tenant, charged, _micros(invoiced.usage_amounts)
    )


def _of_invoices(
    tenant: str, invoiced: InvoiceDigest, posted: PaymentDigest
) -> Iterator[Comparison]:
    """Every invoice is in the ledger, with what rounding added or took."""
    yield from _of_money(
        "invoiced = posted to the ledger",
        tenant,
        _micros(invoiced.invoiced_amounts),
        _micros(posted.invoiced_amounts),
    )
    # What rounding adds to an invoice is a credit in the ledger, and debits are positive there.
    in_ledger = {currency: -micros for currency, micros in _micros(posted.rounding_amounts).items()}
    yield from _of_money(
        "rounding of invoices = its ledger account",
        tenant,
        _micros(invoiced.rounding_amounts),
        in_ledger,
    )


def _of_money(
    rule: str, tenant: str, left: Mapping[str, int], right: Mapping[str, int]
) -> Iterator[Comparison]:
    for currency in sorted({*left, *right}):
        yield Comparison(rule, tenant, currency, left.get(currency, 0), right.get(currency, 0))


def _faults(digests: Digests) -> Iterator[str]:
    if digests.payment.unbalanced_entry_count:
        yield f"{digests.payment.unbalanced_entry_count} entries do not sum to zero"
    for finding in digests.payment.findings:
        yield f"ledger: {finding}"
    for digest in digests.invoice:
        for gap in digest.number_gaps:
            yield f"gap in the invoice numbers of {digest.tenant_id}: {gap}"


def _by_tenant(digests: Iterable[D]) -> dict[str, D]:
    return {digest.tenant_id: digest for digest in digests}


def _micros(amounts: Iterable[MoneyMessage]) -> dict[str, int]:
    """Micros by currency."""
    sums = map(money_from_proto, amounts)
    return {amount.currency: amount.micros for amount in sums}
