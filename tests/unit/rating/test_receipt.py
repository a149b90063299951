"""Receipts are compact, always the same bytes, sealed, and hold nobody's number."""

import json

import pytest

from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import PriceAdjustment
from services.rating.domain.plans.time_bands import TimeBand
from services.rating.domain.receipts import receipt
from services.rating.domain.usage import Service
from tests.unit.rating.calls import CALLER, NUMBER, Shop, bundle, call, deck, rate, sent

UUID = "01930000-0000-7000-8000-000000000000"
PLAIN_BYTES_MAX = 450


def test_a_plain_call_by_the_second_stays_compact() -> None:
    """With real ids: what is left out has its default."""
    shop = Shop(
        {UUID: [rate(123_400_000, "31612", destination="Netherlands Mobile KPN")]},
        [deck(version=UUID)],
        plan_revision_id=UUID,
    )
    content = shop.price(call(123.456)).receipt
    assert len(content) < PLAIN_BYTES_MAX
    assert list(json.loads(content)) == [
        "version", "kind", "currency", "plan_revision_id", "price_rounding", "price_decimals",
        "duration_rounding", "deck_version_id", "row_number", "prefix", "destination",
        "price_nanos", "duration_ms", "charged", "exact_micros", "amount_micros", "digest",
    ]  # fmt: skip


def test_what_differs_from_the_defaults_is_told() -> None:
    """Increments, fee, minimum, grace, bands and adjustments, in the order of the format."""
    half = PriceAdjustment("half", Condition(), 500_000, includes_connect_fee=True)
    shop = Shop(
        [rate(first_increment=60, next_increment=6, minimum=30, connect_fee_micros=50_000)],
        time_bands=(TimeBand("always"),),
        adjustments=(half,),
    )
    fields = json.loads(shop.price(call(61)).receipt)
    assert list(fields)[-12:] == [
        "connect_fee_micros", "first_increment", "next_increment", "minimum", "begin_micros",
        "duration_ms", "charged", "segments", "connect_fee_steps", "exact_micros",
        "amount_micros", "digest",
    ]  # fmt: skip
    step = {"code": "half", "factor_millionths": 500_000}
    assert fields["segments"] == [{"units": 66, "band": "always", "steps": [step]}]
    assert fields["connect_fee_steps"] == [step]
    assert (fields["exact_micros"], fields["amount_micros"]) == ("355000/1", 355_000)


def test_equal_calls_have_equal_receipts() -> None:
    """Byte for byte, also from terms that were compiled again."""
    assert Shop().price(call(61)).receipt == Shop().price(call(61)).receipt


def test_a_digest_seals_everything_before_it() -> None:
    """Sealed again, the same content has the same digest, and any other has another."""
    content = Shop().price(call(61)).receipt
    body, _, _ = content.rpartition(b',"digest"')
    assert receipt.sealed(body) == content
    assert receipt.sealed(body.replace(b'"charged":61', b'"charged":60')) != content
    assert len(receipt.read_receipt(content)["digest"]) == 2 * receipt.DIGEST_BYTES


def test_a_receipt_holds_no_number_of_a_person() -> None:
    """Receipts are kept for ever; the prefix is all that is left of who was called."""
    content = Shop(bundles=(bundle(10),)).price(call(61)).receipt
    assert NUMBER.encode() not in content
    assert CALLER.encode() not in content


@pytest.mark.parametrize("why", [receipt.MOVED, receipt.REFUNDED])
def test_what_is_given_back_keeps_its_kind_and_quantity_and_costs_nothing(why: str) -> None:
    """And takes nothing from counters any more."""
    shop = Shop([rate()], [deck(service=Service.SMS)], bundles=(bundle(1, when=Condition()),))
    content = receipt.given_back(shop.price(sent(3)).receipt, why)
    fields = receipt.read_receipt(content)
    assert (fields["kind"], fields["free"], fields["amount_micros"]) == ("SMS", why, 0)
    assert receipt.quantity_of(content) == 3
    assert receipt.counter_uses(content) == ()
    assert receipt.is_moved(content) is (why == receipt.MOVED)


def test_a_recorded_quantity_can_be_read_from_a_receipt() -> None:
    """Whole seconds of a call, whatever was charged; nothing of a fee."""
    increments = rate(first_increment=60, next_increment=60)
    assert receipt.quantity_of(Shop([increments]).price(call(61)).receipt) == 61
    assert receipt.quantity_of(receipt.no_fee("EUR")) == 0
