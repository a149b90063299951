"""Creates what calls cost: a deck and a plan for each currency, and who is on which plan."""

from collections.abc import AsyncIterator
from datetime import datetime

from google.type.decimal_pb2 import Decimal
from google.type.timeofday_pb2 import TimeOfDay

from chassis.grpc.client import acting_for
from chassis.grpc.convert import money_to_proto, time_to_proto
from deploy.local.sample.calls import HOME_CODES
from deploy.local.sample.directory import account_id
from deploy.local.sample.operator import MARKETS, PRICES_SINCE, TENANTS, Market, Tenant
from deploy.local.sample.rate_deck import COLUMNS, deck_file
from deploy.local.sample.session import SampleError, Session, fixed_id
from kernel.errors import DomainError
from kernel.money import Money
from tollbook.invoice.v1 import customer_pb2, invoice_service_pb2
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc
from tollbook.rating.v1 import plan_pb2, rate_deck_pb2, rating_service_pb2
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc
from tollbook.rating.v1.service_pb2 import SERVICE_VOICE
from tollbook.type.v1.time_range_pb2 import TimeRange

CHUNK_BYTES = 256 * 1024
PRICE_DECIMALS = 4
SECONDS_INCLUDED = 3_600
DAYTIME = plan_pb2.TimeBand(
    code="daytime",
    weekdays=["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"],
    from_time=TimeOfDay(hours=8),
    to_time=TimeOfDay(hours=18),
)


async def create_tariffs(session: Session) -> None:
    """Import and publish the decks, publish the plans; show that none mixes currencies unasked."""
    rates = 0
    for tenant in TENANTS:
        with acting_for(tenant.tenant_id):
            deck_ids = {}
            for currency, market in MARKETS.items():
                imported = await _import_deck(session, tenant, market)
                deck_ids[currency] = imported.rate_deck.rate_deck_id
                await _publish_plan(session, tenant, market, deck_ids[currency])
                rates += imported.accepted_count
            refusal = await _try_deck_of_other_currency(session, tenant, deck_ids["USD"])
    session.report("Rate decks", f"{len(TENANTS) * len(MARKETS)} published, {rates:,} prefixes")
    session.report("Refused on purpose", refusal)


async def create_subscriptions(session: Session) -> None:
    """Put every account on the plan of its currency."""
    customers = invoice_grpc.CustomerServiceStub(session.channels["invoice"])
    for tenant in TENANTS:
        with acting_for(tenant.tenant_id):
            for account in tenant.accounts:
                plan_id = _plan_id(tenant, MARKETS[account.currency])
                await customers.CreateSubscription(
                    _subscription_request(account_id(account), plan_id, account.start)
                )


def _deck_code(market: Market) -> str:
    return f"retail-{market.currency.lower()}"


def _plan_id(tenant: Tenant, market: Market) -> str:
    return fixed_id(tenant.tenant_id, "plan", market.currency)


async def _import_deck(
    session: Session, tenant: Tenant, market: Market
) -> rating_service_pb2.ImportRateDeckResponse:
    decks = rating_grpc.RateDeckServiceStub(session.channels["rating"])
    imported = await decks.ImportRateDeck(_pieces(tenant, market))
    if imported.rejected_count:
        raise SampleError(f"rows of our own deck are rejected: {imported.rejected_rows[0]}")
    await decks.PublishRateDeckVersion(
        rating_service_pb2.PublishRateDeckVersionRequest(
            rate_deck_version_id=imported.version.rate_deck_version_id,
            effective_time=time_to_proto(PRICES_SINCE),
            request_id=fixed_id(tenant.tenant_id, "publish", _deck_code(market)),
        )
    )
    return imported


async def _pieces(
    tenant: Tenant, market: Market
) -> AsyncIterator[rating_service_pb2.ImportRateDeckRequest]:
    header = rating_service_pb2.ImportRateDeckHeader(
        rate_deck_code=_deck_code(market),
        currency_code=market.currency,
        mapping=deck_mapping(),
        request_id=fixed_id(tenant.tenant_id, "import", _deck_code(market)),
    )
    yield rating_service_pb2.ImportRateDeckRequest(header=header)
    content = deck_file(market.currency, tenant.price_percent)
    for start in range(0, len(content), CHUNK_BYTES):
        piece = content[start : start + CHUNK_BYTES]
        yield rating_service_pb2.ImportRateDeckRequest(rates_content=piece)


def deck_mapping() -> rate_deck_pb2.RateDeckMapping:
    """How the columns of our deck files are to be read."""
    prefix, destination, price, connect_fee, first, following, minimum = COLUMNS
    return rate_deck_pb2.RateDeckMapping(
        prefix_column=prefix,
        destination_column=destination,
        price_column=price,
        connect_fee_column=connect_fee,
        first_increment_column=first,
        next_increment_column=following,
        minimum_column=minimum,
    )


async def _publish_plan(session: Session, tenant: Tenant, market: Market, deck_id: str) -> None:
    plans = rating_grpc.PlanServiceStub(session.channels["rating"])
    plan_id = _plan_id(tenant, market)
    plan = plan_pb2.Plan(
        plan_id=plan_id,
        code=f"business-{market.currency.lower()}",
        display_name=f"Business {market.currency}",
        currency_code=market.currency,
    )
    await plans.CreatePlan(rating_service_pb2.CreatePlanRequest(plan=plan, request_id=plan_id))
    await plans.PublishPlanRevision(
        rating_service_pb2.PublishPlanRevisionRequest(
            plan_id=plan_id,
            revision=_terms(market, deck_id),
            request_id=fixed_id(tenant.tenant_id, "terms", market.currency),
        )
    )


def _terms(market: Market, deck_id: str) -> plan_pb2.PlanRevision:
    """Calls at home: an hour a month is included, and in the evening they cost half."""
    home = plan_pb2.Condition(
        service=SERVICE_VOICE, destination_prefixes=[HOME_CODES[market.currency]]
    )
    evening = plan_pb2.Condition(time_bands=["evening"])
    evening.MergeFrom(home)
    return plan_pb2.PlanRevision(
        effective_time=time_to_proto(PRICES_SINCE),
        rate_deck_ids=[deck_id],
        duration_rounding=plan_pb2.DURATION_ROUNDING_UP,
        price_rounding=plan_pb2.PRICE_ROUNDING_HALF_UP,
        price_decimals=PRICE_DECIMALS,
        monthly_fee=money_to_proto(Money(market.currency, market.monthly_fee_micros)),
        time_zone=market.time_zone,
        time_bands=[DAYTIME, plan_pb2.TimeBand(code="evening")],
        adjustments=[
            plan_pb2.PriceAdjustment(
                code="evening-half",
                when=evening,
                factor=Decimal(value="0.5"),
            )
        ],
        bundles=[
            plan_pb2.BundleAllowance(
                code="hour-at-home",
                when=home,
                unit=plan_pb2.BUNDLE_UNIT_QUANTITY,
                quantity=SECONDS_INCLUDED,
            )
        ],
    )


def _subscription_request(
    subscriber_id: str, plan_id: str, start: datetime
) -> invoice_service_pb2.CreateSubscriptionRequest:
    subscription_id = fixed_id("subscription", subscriber_id, plan_id)
    return invoice_service_pb2.CreateSubscriptionRequest(
        subscription=customer_pb2.Subscription(
            subscription_id=subscription_id,
            account_id=subscriber_id,
            plan_id=plan_id,
            validity=TimeRange(start_time=time_to_proto(start)),
        ),
        request_id=subscription_id,
    )


async def _try_deck_of_other_currency(session: Session, tenant: Tenant, deck_id: str) -> str:
    """Ask whether the plan in euros could take a deck in dollars, and return the refusal."""
    plans = rating_grpc.PlanServiceStub(session.channels["rating"])
    request = rating_service_pb2.PublishPlanRevisionRequest(
        plan_id=_plan_id(tenant, MARKETS["EUR"]),
        revision=plan_pb2.PlanRevision(rate_deck_ids=[deck_id], price_decimals=PRICE_DECIMALS),
        request_id=fixed_id(tenant.tenant_id, "terms", "dollars"),
        validate_only=True,
    )
    try:
        await plans.PublishPlanRevision(request)
    except DomainError as error:
        if error.reason == "NO_EXCHANGE_RATE":
            return str(error)
        raise
    raise SampleError("a plan in EUR took a deck in USD without an exchange rate")
