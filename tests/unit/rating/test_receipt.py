"""From a receipt alone the amount can be computed again, and read in words."""

import json
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.rounding import RoundingMode
from services.rating.domain import receipt
from services.rating.domain.plan import PlanRevision
from services.rating.domain.pricing import price_call
from services.rating.domain.rate_deck import Rate
from services.rating.domain.recurring_fee import fee_amount
from services.rating.domain.rounding_rules import DurationRounding, PriceRule
from tests.unit.rating import oracle
from tests.unit.rating.terms import BEGINNING, revision

NUMBER = "31612345678"

rates = st.builds(
    Rate,
    st.just("316"),
    st.just("Netherlands Mobile"),
    st.integers(0, 10**11),
    st.integers(0, 10**7),
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(0, 90),
    st.just(0),
    st.integers(2, 9_999),
)
rules = st.builds(PriceRule, st.sampled_from(RoundingMode), st.integers(0, 6))


def call_receipt(rate: Rate, terms: PlanRevision, duration_ms: int) -> bytes:
    """The receipt of a call as rating writes it."""
    priced = price_call(rate, duration_ms, terms.duration_rounding, terms.price_rule)
    head = receipt.rate_head(receipt.terms_head("EUR", terms), "version", rate)
    return receipt.priced_call(head, duration_ms, *priced)


@settings(deadline=None)
@given(rates, rules, st.sampled_from(DurationRounding), st.integers(0, 900_000))
def test_the_amount_follows_from_the_receipt_alone(
    rate: Rate, rule: PriceRule, duration_rounding: DurationRounding, duration_ms: int
) -> None:
    """Recomputed by the oracle from nothing but the stored bytes."""
    terms = revision(price_rule=rule, duration_rounding=duration_rounding)
    fields = json.loads(call_receipt(rate, terms, duration_ms))
    tariff = oracle.Tariff(
        Fraction(fields["price_nanos"], 10**9),
        Fraction(fields["connect_fee_micros"], 10**6),
        fields["first_increment"],
        fields["next_increment"],
        fields["minimum"],
        fields["duration_rounding"],
        fields["price_rounding"],
        fields["price_decimals"],
    )
    seconds, amount = oracle.price(tariff, fields["duration_ms"])
    assert (seconds, amount * 10**6) == (fields["charged_seconds"], fields["amount_micros"])
    exact = Fraction(*receipt.exact_amount(fields))
    assert oracle.rounded(exact, fields["price_rounding"], fields["price_decimals"]) == amount


def test_equal_receipts_are_equal_bytes() -> None:
    """The order of keys is part of the format, so that receipts can be digested."""
    rate = Rate("316", "Netherlands Mobile", 12_500_000, 0, 60, 60, 0, 0, 7)
    content = call_receipt(rate, revision(), 61_000)
    assert content == call_receipt(rate, revision(), 61_000)
    assert list(json.loads(content)) == [
        "version", "kind", "currency", "plan_revision_id", "price_rounding", "price_decimals",
        "duration_rounding", "rate_deck_version_id", "row_number", "prefix", "destination",
        "price_nanos", "connect_fee_micros", "first_increment", "next_increment",
        "minimum", "grace_seconds", "duration_ms", "charged_seconds", "amount_micros",
    ]  # fmt: skip


def test_a_receipt_explains_itself_in_words() -> None:
    """A sentence a step, from the number to the rounded amount."""
    rate = Rate("316", "Netherlands Mobile", 12_500_000, 50_000, 60, 6, 30, 0, 7)
    content = call_receipt(rate, revision(), 61_400)
    assert receipt.explain(receipt.read_receipt(content)) == [
        "The number begins with 316: Netherlands Mobile (row 7).",
        "A minute costs 0.0125 EUR.",
        "The call lasted 61.4 s; fractions of a second are rounded UP.",
        "At least 30 s are charged.",
        "The first 60 s, then every begun 6 s make 66 s.",
        "Being connected costs 0.05 EUR once.",
        "That is exactly 3825000000/60000000000 EUR.",
        "Rounded HALF_UP to 4 decimals, that is 0.0638 EUR.",
    ]


def test_what_is_free_says_why() -> None:
    """Unanswered, emergency, or another account's after all."""
    said = [
        receipt.explain(receipt.read_receipt(receipt.free_call(why, "EUR", 0)))
        for why in (receipt.UNANSWERED, receipt.EMERGENCY, receipt.MOVED)
    ]
    assert said == [
        ["The call was not answered; it is free."],
        ["Calls to emergency numbers are free."],
        ["A corrected record shows this call to be another account's; it is free here."],
    ]


def test_a_fee_explains_its_share() -> None:
    """9.95 a month for 11 of 31 days is 3.5306 at four decimals."""
    terms, share = revision(), receipt.FeeShare(9_950_000, 11, 31)
    content = receipt.recurring_fee("EUR", terms, share, fee_amount(share, terms.price_rule))
    assert receipt.explain(receipt.read_receipt(content)) == [
        "The plan costs 9.95 EUR a month.",
        "The subscription covers 11 of 31 days.",
        "Rounded HALF_UP to 4 decimals, that is 3.5306 EUR.",
    ]
    assert receipt.exact_amount(receipt.read_receipt(content)) == (109_450_000, 31_000_000)


def test_a_receipt_holds_no_number_of_a_person() -> None:
    """Receipts are kept for ever; the prefix is all that is left of who was called."""
    rate = Rate("316", "Netherlands Mobile", 12_500_000, 0, 60, 60, 0, 0, 7)
    assert NUMBER.encode() not in call_receipt(rate, revision(effective_time=BEGINNING), 61_000)
