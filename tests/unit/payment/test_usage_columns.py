"""A batch of charges becomes the exact sum of each paying account."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.columns import Columns, decode, dictionary, encode, int64, uint8
from kernel.errors import DomainError
from kernel.money import Money
from services.payment.events.usage import usage_of
from tollbook.type.v1.call_pb2 import Party

Row = tuple[str, str, int]  # payer, currency, delta

DELTA_MAX = 2**63 - 1

rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["EUR", "VND"]),
        st.integers(-DELTA_MAX, DELTA_MAX) | st.integers(-2, 2),
    ),
    max_size=40,
)


def batch(charges: list[Row], party: int = Party.PARTY_CUSTOMER) -> Columns:
    columns = {
        "party": uint8([party] * len(charges)),
        "payer_account_id": dictionary([payer for payer, _, _ in charges]),
        "currency": dictionary([currency for _, currency, _ in charges]),
        "amount_delta": int64([delta for _, _, delta in charges]),
    }
    return decode(encode(columns, len(charges)))


@given(rows)
def test_sums_are_exact_at_any_size(charges: list[Row]) -> None:
    """Forty charges at the limit of 64 bits still sum to the micro."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for payer, currency, delta in charges:
        if delta:
            sums[payer, currency] += delta
    expected: dict[str, list[Money]] = defaultdict(list)
    for (payer, currency), micros in sorted(sums.items()):
        expected[payer].append(Money(currency, micros))
    found = {
        payer: sorted(amounts, key=lambda amount: amount.currency)
        for payer, amounts in usage_of(batch(charges)).items()
    }
    assert found == expected


def test_unrated_calls_have_no_effect() -> None:
    """A call without a price has no currency and moves nothing."""
    assert usage_of(batch([("a", "", 0), ("a", "EUR", 5)])) == {"a": [Money("EUR", 5)]}
    assert usage_of(batch([])) == {}


def test_what_a_reseller_is_charged_is_its_usage() -> None:
    """Its wholesale price is revenue like the retail price of a customer."""
    assert usage_of(batch([("a", "EUR", 5)], party=Party.PARTY_RESELLER)) == {
        "a": [Money("EUR", 5)]
    }


@pytest.mark.parametrize("party", [Party.PARTY_SUPPLIER, Party.PARTY_UNSPECIFIED])
def test_charges_to_others_than_buyers_are_refused(party: int) -> None:
    """What a carrier charges us is cost: taken as a customer's usage it would be revenue."""
    with pytest.raises(DomainError, match="PARTY_WITHOUT_RULE"):
        usage_of(batch([("a", "EUR", 5)], party=party))
