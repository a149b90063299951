"""What a tenant may have besides decks and plans: one of each, and usage that is priced by it."""

from datetime import timedelta

from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money

from kernel.ids import new_uuid
from tests.support.operator import BEFORE, MONTH, NEXT_MONTH, Operator, timestamp
from tests.support.suite import Suite, request_id
from tollbook.rating.v1 import plan_pb2
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc
from tollbook.rating.v1 import supplier_service_pb2 as supplier
from tollbook.rating.v1 import supplier_service_pb2_grpc as supplier_grpc
from tollbook.rating.v1 import tariff_service_pb2 as tariff
from tollbook.rating.v1 import tariff_service_pb2_grpc as tariff_grpc
from tollbook.rating.v1 import usage_service_pb2 as usage
from tollbook.rating.v1 import usage_service_pb2_grpc as usage_grpc
from tollbook.rating.v1.account_decks_pb2 import DeckOverride
from tollbook.rating.v1.calendar_pb2 import Calendar
from tollbook.rating.v1.exchange_rate_pb2 import ExchangeRate
from tollbook.rating.v1.service_pb2 import SERVICE_VOICE
from tollbook.rating.v1.supplier_pb2 import Supplier
from tollbook.type.v1.call_pb2 import CALL_KEY_KIND_OTHER, CallKey
from tollbook.type.v1.time_range_pb2 import TimeRange

SETUP_FEE = plan_pb2.Fee(
    code="setup", display_name="Set-up", amount=Money(currency_code="EUR", units=10)
)
# The state that each tenant says 201 is in; neither is New Jersey, as everybody else knows.
OWN_STATE = {"aurora": "AK", "borealis": "HI"}
OWN_AREA = "1201"


async def set_up_own_prices(suite: Suite, operator: Operator) -> None:
    """Everything that prices depend on, then a use of the bundle, and a fee."""
    await _keep_calendar(suite, operator)
    await _add_exchange_rate(suite, operator)
    await _import_numbering_area(suite, operator)
    deck_id = await _deck_of(suite, operator)
    await _create_supplier(suite, operator, deck_id)
    await _set_account_deck(suite, operator, deck_id)
    await _charge_usage(suite, operator)


async def _keep_calendar(suite: Suite, operator: Operator) -> None:
    calendar = Calendar(
        code="nl", display_name="Feestdagen", dates=[Date(year=2026, month=4, day=27)]
    )
    calendars = suite.stub(tariff_grpc.CalendarServiceStub, operator.tenant_id)
    await calendars.CreateCalendar(
        tariff.CreateCalendarRequest(calendar=calendar, request_id=request_id())
    )


async def _add_exchange_rate(suite: Suite, operator: Operator) -> None:
    rate = ExchangeRate(
        from_currency_code="EUR",
        to_currency_code="USD",
        effective_time=timestamp(BEFORE),
        rate=Decimal(value="1.1"),
        source=f"the bank of {operator.tenant_id}",
    )
    rates = suite.stub(tariff_grpc.ExchangeRateServiceStub, operator.tenant_id)
    added = await rates.AddExchangeRates(
        tariff.AddExchangeRatesRequest(exchange_rates=[rate], request_id=request_id())
    )
    assert added.results[0].HasField("exchange_rate")
    profiles = suite.stub(tariff_grpc.RatingProfileServiceStub, operator.tenant_id)
    await profiles.SetBaseCurrency(
        tariff.SetBaseCurrencyRequest(base_currency_code="USD", request_id=request_id())
    )


async def _import_numbering_area(suite: Suite, operator: Operator) -> None:
    areas = suite.stub(supplier_grpc.NumberingServiceStub, operator.tenant_id)
    content = f"{OWN_AREA},{OWN_STATE[operator.tenant_id]}\n".encode()
    await areas.ImportNumberingAreas(
        supplier.ImportNumberingAreasRequest(content=content, request_id=request_id())
    )


async def _deck_of(suite: Suite, operator: Operator) -> str:
    decks = suite.stub(rating_grpc.RateDeckServiceStub, operator.tenant_id)
    [deck] = (await decks.ListRateDecks(rating.ListRateDecksRequest())).rate_decks
    return deck.rate_deck_id


async def _create_supplier(suite: Suite, operator: Operator, deck_id: str) -> None:
    suppliers = suite.stub(supplier_grpc.SupplierServiceStub, operator.tenant_id)
    carrier = Supplier(
        code="north",
        display_name="North",
        rate_deck_ids=[deck_id],
        quality=50,
        weight=1,
        trunks=["north-1"],
    )
    await suppliers.CreateSupplier(
        supplier.CreateSupplierRequest(supplier=carrier, request_id=request_id())
    )


async def _set_account_deck(suite: Suite, operator: Operator, deck_id: str) -> None:
    decks = suite.stub(tariff_grpc.AccountDeckServiceStub, operator.tenant_id)
    own = DeckOverride(rate_deck_id=deck_id, validity=TimeRange(start_time=timestamp(NEXT_MONTH)))
    await decks.SetAccountDecks(
        tariff.SetAccountDecksRequest(
            account_id=operator.accounts["desk-1"], overrides=[own], request_id=request_id()
        )
    )


async def _charge_usage(suite: Suite, operator: Operator) -> None:
    """Thirty seconds of a granted minute, and the fee of the plan."""
    account_id = operator.accounts["desk-1"]
    grant = usage.BundleGrant(
        grant_id=new_uuid(),
        account_id=account_id,
        allowance=plan_pb2.BundleAllowance(
            code="welcome",
            when=plan_pb2.Condition(service=SERVICE_VOICE, destination_prefixes=["3120"]),
            unit=plan_pb2.BUNDLE_UNIT_QUANTITY,
            quantity=60,
        ),
        validity=TimeRange(start_time=timestamp(MONTH), end_time=timestamp(NEXT_MONTH)),
    )
    counters = suite.stub(usage_grpc.CounterServiceStub, operator.tenant_id)
    await counters.GrantBundle(usage.GrantBundleRequest(grant=grant, request_id=request_id()))
    record = usage.UsageRecord(
        usage_key=CallKey(kind=CALL_KEY_KIND_OTHER, value="usage-1"),
        account_id=account_id,
        service=SERVICE_VOICE,
        quantity=30,
        callee="31201234567",
        start_time=timestamp(MONTH + timedelta(hours=4)),
    )
    charges = suite.stub(usage_grpc.UsageServiceStub, operator.tenant_id)
    await charges.ChargeUsage(usage.ChargeUsageRequest(usage=record, request_id=request_id()))
    await charges.ChargeFee(
        usage.ChargeFeeRequest(
            account_id=account_id,
            fee_code=SETUP_FEE.code,
            due_time=timestamp(MONTH),
            fee_id="setup-1",
            request_id=request_id(),
        )
    )
