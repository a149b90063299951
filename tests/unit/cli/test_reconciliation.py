"""Whatever is missing or doubled between two services is found, and named."""

from collections.abc import Callable

import pytest
from google.type.money_pb2 import Money

from cli.reconciliation import Comparison, Digests, reconcile_digests
from tollbook.cdr.v1.cdr_service_pb2 import CdrDigest
from tollbook.invoice.v1.invoice_service_pb2 import InvoiceDigest
from tollbook.payment.v1.payment_service_pb2 import GetPaymentDigestResponse, PaymentDigest
from tollbook.rating.v1.rating_service_pb2 import RatingDigest


def euros(micros: int) -> Money:
    units, rest = divmod(abs(micros), 1_000_000)
    sign = -1 if micros < 0 else 1
    return Money(currency_code="EUR", units=sign * units, nanos=sign * rest * 1_000)


def sound() -> Digests:
    """Ten records: seven calls at 0.358 EUR in all, invoiced at 0.36 and 0.08 of tax."""
    cdr = CdrDigest(
        tenant_id="aurora",
        received_count=10,
        accepted_count=7,
        duplicate_count=2,
        suspended_count=1,
        collected_count=7,
    )
    rating = RatingDigest(
        tenant_id="aurora",
        collected_count=7,
        rated_count=3,
        zero_count=2,
        unrated_count=1,
        merged_count=1,
        charged_amounts=[euros(358_000)],
        charge_revision_count=6,
    )
    payment = PaymentDigest(
        tenant_id="aurora",
        usage_amounts=[euros(358_000)],
        rounding_amounts=[euros(-2_000)],
        invoiced_amounts=[euros(440_000)],
    )
    invoice = InvoiceDigest(
        tenant_id="aurora",
        usage_amounts=[euros(358_000)],
        charge_revision_count=6,
        rounding_amounts=[euros(2_000)],
        invoiced_amounts=[euros(440_000)],
        invoice_count=1,
    )
    return Digests([cdr], [cdr], [rating], GetPaymentDigestResponse(digests=[payment]), [invoice])


def broken(digests: Digests) -> list[Comparison]:
    return [each for each in reconcile_digests(digests).comparisons if not each.holds]


def test_sound_books_reconcile() -> None:
    """Every rule was applied and holds; rounding is a credit where debits are positive."""
    result = reconcile_digests(sound())
    assert result.holds
    assert len(result.comparisons) == 9


def lose_a_record(digests: Digests) -> None:
    digests.cdr_whole[0].received_count += 1


def lose_an_event(digests: Digests) -> None:
    digests.rating[0].collected_count -= 1
    digests.rating[0].rated_count -= 1


def double_a_call(digests: Digests) -> None:
    digests.rating[0].rated_count += 1


def post_a_charge_twice(digests: Digests) -> None:
    digests.payment.digests[0].usage_amounts[0].CopyFrom(euros(358_001))


def fold_a_charge_twice(digests: Digests) -> None:
    digests.invoice[0].usage_amounts[0].CopyFrom(euros(358_001))


def forget_a_free_call(digests: Digests) -> None:
    digests.invoice[0].charge_revision_count -= 1


def forget_an_invoice(digests: Digests) -> None:
    del digests.payment.digests[0].invoiced_amounts[:]


def post_rounding_on_the_wrong_side(digests: Digests) -> None:
    digests.payment.digests[0].rounding_amounts[0].CopyFrom(euros(2_000))


@pytest.mark.parametrize(
    ("damage", "rule", "currency", "difference"),
    [
        (lose_a_record, "records received = accepted + duplicate + suspended", "", 1),
        (lose_an_event, "calls sent on = taken by rating", "", 1),
        (double_a_call, "calls taken = rated + zero + unrated + merged", "", -1),
        (post_a_charge_twice, "charged = posted to the ledger", "EUR", -1),
        (fold_a_charge_twice, "charged = folded into periods", "EUR", -1),
        (forget_a_free_call, "charge revisions = folded into periods", "", 1),
        (forget_an_invoice, "invoiced = posted to the ledger", "EUR", 440_000),
        (
            post_rounding_on_the_wrong_side,
            "rounding of invoices = its ledger account",
            "EUR",
            4_000,
        ),
    ],
)
def test_one_damage_breaks_one_rule_by_its_exact_amount(
    damage: Callable[[Digests], None], rule: str, currency: str, difference: int
) -> None:
    """The tenant, the currency and both values are named."""
    digests = sound()
    damage(digests)
    [found] = broken(digests)
    assert (found.tenant_id, found.rule, found.currency) == ("aurora", rule, currency)
    assert found.left - found.right == difference


def test_a_tenant_that_only_one_service_knows_is_compared_with_nothing() -> None:
    """Usage in the ledger of a tenant whom rating has never charged is a difference."""
    digests = sound()
    stray = PaymentDigest(tenant_id="borealis", usage_amounts=[euros(5)])
    digests.payment.digests.append(stray)
    [found] = broken(digests)
    assert (found.tenant_id, found.left, found.right) == ("borealis", 0, 5)


def test_a_currency_at_zero_and_a_currency_unmentioned_are_the_same() -> None:
    """A tenant that has taken back all it charged owes nothing."""
    digests = sound()
    digests.rating[0].charged_amounts.append(Money(currency_code="USD"))
    assert reconcile_digests(digests).holds


def test_what_is_wrong_in_itself_is_named() -> None:
    """Unbalanced entries, findings of the ledger and gaps in numbers need no comparison."""
    digests = sound()
    digests.payment.unbalanced_entry_count = 2
    digests.payment.findings.append("aurora/NL/3: entry 17 is not what was written")
    digests.invoice[0].number_gaps.append("NL-2026-000004 is missing")
    result = reconcile_digests(digests)
    assert not result.holds
    assert result.faults == [
        "2 entries do not sum to zero",
        "ledger: aurora/NL/3: entry 17 is not what was written",
        "gap in the invoice numbers of aurora: NL-2026-000004 is missing",
    ]
