"""An example of each message that a request needs: right in itself, but for the ids in it."""

from datetime import UTC, datetime
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money

from tests.support.operator import BEFORE, MONTH, NEXT_MONTH, timestamp
from tollbook.cdr.v1 import source_pb2
from tollbook.fraud.v1 import fraud_pb2
from tollbook.invoice.v1 import customer_pb2
from tollbook.payment.v1 import adjustment_pb2, collection_pb2, payment_pb2
from tollbook.rating.v1 import (
    account_decks_pb2,
    calendar_pb2,
    charging_admin_service_pb2,
    charging_pb2,
    charging_service_pb2,
    exchange_rate_pb2,
    plan_pb2,
    rate_deck_pb2,
    supplier_pb2,
)
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import tariff_service_pb2 as tariff
from tollbook.rating.v1 import usage_service_pb2 as usage
from tollbook.rating.v1.service_pb2 import SERVICE_VOICE
from tollbook.type.v1.call_pb2 import CALL_KEY_KIND_OTHER, CallKey
from tollbook.type.v1.time_range_pb2 import TimeRange

EXAMPLE_TEXT = "31612345678"
MINUTE = Duration(seconds=60)
THE_MONTH = TimeRange(start_time=timestamp(MONTH), end_time=timestamp(NEXT_MONTH))
# Still open when the month before is invoiced.
NEXT_PERIOD = TimeRange(
    start_time=timestamp(NEXT_MONTH), end_time=timestamp(datetime(2026, 5, 1, tzinfo=UTC))
)
SINCE_BEFORE = TimeRange(start_time=timestamp(BEFORE))
ONE_EURO = Money(currency_code="EUR", units=1)
VOICE = plan_pb2.Condition(service=SERVICE_VOICE)
NAMES: dict[str, Any] = {"code": "example", "display_name": "Example"}

_OF_RATING: list[Message] = [
    rating.PriceCallRequest(callee=EXAMPLE_TEXT, start_time=timestamp(MONTH), duration=MINUTE),
    rating.QuoteCallRequest(callee=EXAMPLE_TEXT, start_time=timestamp(MONTH), duration=MINUTE),
    plan_pb2.Plan(**NAMES, currency_code="EUR"),
    plan_pb2.PlanRevision(
        effective_time=timestamp(MONTH),
        rate_deck_ids=["a deck"],
        duration_rounding=plan_pb2.DURATION_ROUNDING_UP,
        price_rounding=plan_pb2.PRICE_ROUNDING_HALF_UP,
        price_decimals=6,
        time_bands=[plan_pb2.TimeBand(code="holiday"), plan_pb2.TimeBand(code="workday")],
    ),
    rate_deck_pb2.RateDeck(display_name="Example"),
    supplier_pb2.Supplier(**NAMES, rate_deck_ids=["a deck"], quality=50, weight=1),
    calendar_pb2.Calendar(**NAMES, dates=[Date(year=2026, month=4, day=27)]),
    exchange_rate_pb2.ExchangeRate(
        from_currency_code="USD",
        to_currency_code="EUR",
        effective_time=timestamp(MONTH),
        rate=Decimal(value="0.9"),
        source="a bank",
    ),
    tariff.SetAccountDecksRequest(
        overrides=[account_decks_pb2.DeckOverride(validity=THE_MONTH)],
    ),
    usage.UsageRecord(
        usage_key=CallKey(kind=CALL_KEY_KIND_OTHER, value="example"),
        service=SERVICE_VOICE,
        quantity=60,
        callee=EXAMPLE_TEXT,
        start_time=timestamp(MONTH),
    ),
    charging_service_pb2.ChargedCall(
        call_key=CallKey(kind=CALL_KEY_KIND_OTHER, value="example"), callee=EXAMPLE_TEXT
    ),
    charging_admin_service_pb2.ChargingPolicy(
        open_seconds=60,
        extend_seconds=60,
        validity_seconds=180,
        when_exhausted=charging_pb2.WHEN_EXHAUSTED_HANG_UP,
        outage_rule=charging_admin_service_pb2.OUTAGE_RULE_DENY,
    ),
    rating.ChargeRecurringFeeRequest(billing_period=NEXT_PERIOD, covered_period=NEXT_PERIOD),
    usage.ChargeFeeRequest(fee_code="setup", due_time=timestamp(MONTH)),
    usage.BundleGrant(
        allowance=plan_pb2.BundleAllowance(
            code="free", when=VOICE, unit=plan_pb2.BUNDLE_UNIT_QUANTITY, quantity=60
        ),
        validity=THE_MONTH,
    ),
]

_OF_OTHERS: list[Message] = [
    customer_pb2.Account(
        code="example",
        currency_code="EUR",
        time_zone="UTC",
        payment_mode=customer_pb2.PAYMENT_MODE_POSTPAID,
        billing_day=1,
        start_time=timestamp(MONTH),
    ),
    customer_pb2.Line(
        kind=customer_pb2.LINE_KIND_ACCOUNT_CODE, identifier="example", validity=SINCE_BEFORE
    ),
    customer_pb2.Subscription(validity=SINCE_BEFORE),
    payment_pb2.Payment(
        method=payment_pb2.PAYMENT_METHOD_CASH,
        amount=ONE_EURO,
        value_date=Date(year=2026, month=4, day=10),
        evidence="receipt 1",
    ),
    collection_pb2.PaymentInstrument(
        gateway="stripe", customer_reference="cus_example", method_reference="pm_card_visa"
    ),
    adjustment_pb2.ExchangeTerms(rate=Decimal(value="0.9"), source="a bank"),
    fraud_pb2.FraudRule(
        kind=fraud_pb2.RULE_KIND_SPEND_VELOCITY,
        window=Duration(seconds=3_600),
        amount_limit=Money(currency_code="EUR", nanos=10_000_000),
        action=fraud_pb2.RULE_ACTION_ALERT,
        enabled=True,
        etag="1",
    ),
    source_pb2.Source(
        code="example",
        format=source_pb2.RECORD_FORMAT_GRPC,
        profile=source_pb2.SourceProfile(
            time_zone="UTC",
            country_code="31",
            national_prefix="0",
            line_rule=source_pb2.LINE_RULE_ACCOUNT_CODE,
            call_key_kind=CALL_KEY_KIND_OTHER,
        ),
        etag="1",
    ),
]

EXAMPLES: dict[str, Message] = {
    example.DESCRIPTOR.full_name: example
    for example in (timestamp(MONTH), MINUTE, THE_MONTH, ONE_EURO, *_OF_RATING, *_OF_OTHERS)
}
