"""Drives rating as its neighbours do: events through the inbox, requests through the servicers."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from google.type.money_pb2 import Money as MoneyMessage
from sqlalchemy import Connection, select

from chassis import columns
from chassis.bus.envelope import Envelope
from chassis.bus.handler import apply_together
from chassis.bus.inbox import note_applied
from chassis.database.engine import Database
from chassis.database.schema import outbox_table
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc import running_call
from chassis.grpc.convert import money_to_proto, range_to_proto, time_to_proto
from chassis.grpc.endpoint import Endpoint
from chassis.security import caller
from chassis.security.caller import Caller
from kernel.clock import utc_now
from kernel.e164 import NumberPlan
from kernel.ids import new_uuid
from kernel.money import Money
from kernel.partition import partition_of
from kernel.period import Period
from services.rating.api.audit import RatingAuditApi
from services.rating.api.charges import ChargeQueryApi
from services.rating.api.counters import CounterApi
from services.rating.api.periods import PeriodApi
from services.rating.api.plans import PlanApi
from services.rating.api.rate_decks import RateDeckApi
from services.rating.api.rating import RatingApi
from services.rating.api.usage import UsageApi
from services.rating.events.accounts import account_handlers
from services.rating.events.calls_collected import calls_collected
from services.rating.usecases.change_watch import ChangeWatch
from services.rating.usecases.quoting.pricing_memory import PricingMemory
from services.rating.usecases.settling.retry_unrated_calls import retry_next_request
from services.rating.usecases.tariffs import Tariffs
from tests.conformance.rating.records import BEGINNING, MARCH, Call, account_changed, collected
from tests.conformance.rating.sheets import DECK, upload
from tests.conformance.rating.sheets import mapping as sheet_mapping
from tollbook.invoice.v1.invoice_events_pb2 import SubscriptionChanged
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1 import usage_service_pb2 as usage_messages
from tollbook.rating.v1.charge_pb2 import Charge
from tollbook.rating.v1.plan_pb2 import Plan, PlanRevision
from tollbook.rating.v1.rating_events_pb2 import CallsRated
from tollbook.rating.v1.service_pb2 import SERVICE_VOICE, Service

INTERNATIONAL = NumberPlan("999", "", emergency_numbers=frozenset({"112"}))

# Neighbours number the events of all tenants together.
_sequences = itertools.count(1)


@dataclass
class Desk:
    """One tenant of rating."""

    database: Database
    tenant_id: str = "acme"
    currency: str = "EUR"
    account_id: str = field(default_factory=new_uuid)
    plan_id: str = field(default_factory=new_uuid)
    deck_id: str = ""
    tariffs: Tariffs = field(default_factory=Tariffs)

    def __post_init__(self) -> None:
        self.watch = ChangeWatch(self.database)
        self.memory = PricingMemory(self.database, self.tariffs, self.watch)
        endpoint = Endpoint(self.database, self.memory.heed_publication)
        self.rating = RatingApi(self.memory, frozenset({"112"}))
        self.decks = RateDeckApi(endpoint, self.tariffs)
        self.plans = PlanApi(endpoint)
        self.charges_api = ChargeQueryApi(endpoint, self.tariffs)
        self.periods = PeriodApi(endpoint, self.tariffs)
        self.usage = UsageApi(endpoint, self.tariffs, INTERNATIONAL)
        self.counters = CounterApi(endpoint)
        self.audit = RatingAuditApi(endpoint)
        self._handlers = {
            each.type_name: each
            for each in (calls_collected(self.tariffs), *account_handlers(self.watch.doubt))
        }

    async def set_up(self) -> None:
        """A deck and a plan from the beginning, and an account that subscribes to it."""
        self.act()
        await self.publish_deck(DECK)
        await self.create_plan()
        await self.publish_terms()
        await self.know_account(self.account_id)
        await self.subscribe(self.account_id)

    def act(self) -> None:
        """Call as the tenant's operator from here on."""
        caller.enter_call(Caller("ann", self.tenant_id, frozenset()))
        running_call.enter_call("tollbook.rating.v1.Test/Method", None)

    async def import_deck(
        self,
        content: str,
        code: str = "retail",
        service: Service.ValueType = SERVICE_VOICE,
        **mapping: Any,
    ) -> messages.ImportRateDeckResponse:
        """Import a rate sheet."""
        header = messages.ImportRateDeckHeader(
            rate_deck_code=code,
            currency_code=self.currency,
            mapping=sheet_mapping(**mapping),
            service=service,
            request_id=new_uuid(),
        )
        return await self.decks.ImportRateDeck(upload(header, content.encode()), None)

    async def publish_deck(
        self,
        content: str,
        code: str = "retail",
        effective: datetime = BEGINNING,
        service: Service.ValueType = SERVICE_VOICE,
    ) -> messages.PublishRateDeckVersionResponse:
        """Import a rate sheet and put it into force."""
        imported = await self.import_deck(content, code, service)
        self.deck_id = imported.rate_deck.rate_deck_id
        request = messages.PublishRateDeckVersionRequest(
            rate_deck_version_id=imported.version.rate_deck_version_id,
            effective_time=time_to_proto(effective),
            request_id=new_uuid(),
        )
        return await self.decks.PublishRateDeckVersion(request, None)

    async def create_plan(self, **changes: Any) -> Plan:
        """Create the tenant's plan."""
        plan = {
            "plan_id": self.plan_id,
            "code": "basic",
            "display_name": "Basic",
            "currency_code": self.currency,
        }
        request = messages.CreatePlanRequest(
            plan=Plan(**{**plan, **changes}), request_id=new_uuid()
        )
        return (await self.plans.CreatePlan(request, None)).plan

    async def publish_terms(self, effective: datetime = BEGINNING, **changes: Any) -> Plan:
        """Give the plan terms: prices keep four decimals."""
        terms = {"rate_deck_ids": [self.deck_id], "price_decimals": 4}
        request = messages.PublishPlanRevisionRequest(
            plan_id=self.plan_id,
            revision=PlanRevision(effective_time=time_to_proto(effective), **{**terms, **changes}),
            request_id=new_uuid(),
        )
        return (await self.plans.PublishPlanRevision(request, None)).plan

    async def know_account(self, account_id: str, **changes: Any) -> None:
        """Hear of an account from invoice."""
        await self.deliver(self.account_event(account_id, **changes))

    def account_event(self, account_id: str, **changes: Any) -> Envelope:
        """The event of invoice that tells of an account."""
        return self.event(account_changed(account_id, self.currency, **changes))

    async def subscribe(self, account_id: str, plan_id: str = "") -> None:
        """Hear of a subscription from invoice."""
        await self.hear(
            SubscriptionChanged(
                subscription_id=new_uuid(),
                account_id=account_id,
                plan_id=plan_id or self.plan_id,
                validity=range_to_proto((BEGINNING, None)),
            ),
        )

    def money(self, micros: int) -> MoneyMessage:
        """An amount in the tenant's currency."""
        return money_to_proto(Money(self.currency, micros))

    def call(self, **fields: Any) -> Call:
        """A call of the tenant's account, a minute to the Netherlands unless said otherwise."""
        return Call(**{"account_id": self.account_id, **fields})

    async def collect(self, *calls: Call) -> None:
        """Hear of calls from cdr, one event for each partition of their payers."""
        by_partition: dict[int, list[Call]] = {}
        for call in calls:
            partition = partition_of(self.tenant_id, call.payer_id or call.account_id)
            by_partition.setdefault(partition, []).append(call)
        for partition, together in by_partition.items():
            await self.hear(collected(together), partition)

    async def hear_calls(self, *calls: Call) -> Envelope:
        """Hear of calls of one partition, in one event."""
        envelope = self.calls_event(*calls)
        await self.deliver(envelope)
        return envelope

    async def hear(self, body: Message, partition: int = 0) -> Envelope:
        """Apply an event as the chassis does: once, in one transaction with its inbox row."""
        envelope = self.event(body, partition)
        await self.deliver(envelope)
        return envelope

    def calls_event(self, *calls: Call) -> Envelope:
        """The event of cdr that tells of calls of one partition."""
        payer_id = calls[0].payer_id or calls[0].account_id
        return self.event(collected(calls), partition_of(self.tenant_id, payer_id))

    def event(self, body: Message, partition: int = 0) -> Envelope:
        """A new event of another service."""
        return Envelope(
            event_type=body.DESCRIPTOR.full_name,
            partition=partition,
            sequence=next(_sequences),
            tenant_id=self.tenant_id,
            commit_time=utc_now(),
            traceparent="",
            body=body.SerializeToString(),
        )

    async def deliver(self, envelope: Envelope) -> None:
        """Apply an event, again if need be."""
        await self.database.write(lambda uow: self.apply(uow, [envelope]))

    def apply(self, uow: UnitOfWork, envelopes: Sequence[Envelope]) -> None:
        """Apply events in one transaction, as the consumer does."""
        apply_together(self._handlers, uow, note_applied(uow, envelopes))

    async def retry(self) -> None:
        """Do what the background task does until nothing is left to be tried."""
        while await self.database.write(lambda uow: retry_next_request(uow, self.tariffs)):
            pass

    async def charges(self, account_id: str = "") -> list[Charge]:
        """The charges of an account in their newest revisions."""
        request = messages.ListChargesRequest(account_id=account_id or self.account_id)
        return list((await self.charges_api.ListCharges(request, None)).charges)

    async def charge(self, account_id: str = "") -> Charge:
        """The only charge of an account."""
        [charge] = await self.charges(account_id)
        return charge

    async def standing(self, account_id: str = "") -> dict[str, tuple[int, int]]:
        """What each counter of an account holds and what was used, by code; one period at most."""
        request = usage_messages.ListCountersRequest(account_id=account_id or self.account_id)
        counters = (await self.counters.ListCounters(request, None)).counters
        return {each.code: (each.granted, each.used) for each in counters}

    async def seal(
        self, period: Period = MARCH, account_id: str = ""
    ) -> messages.SealPeriodResponse:
        """Seal a period."""
        request = messages.SealPeriodRequest(
            account_id=account_id or self.account_id,
            billing_period=range_to_proto(period),
            request_id=new_uuid(),
        )
        return await self.periods.SealPeriod(request, None)

    async def digest(self, **watermarks: Any) -> Any:
        """The digest of the tenant."""
        request = messages.GetRatingDigestRequest(**watermarks)
        response = await self.audit.GetRatingDigest(request, None)
        [digest] = [each for each in response.digests if each.tenant_id == self.tenant_id]
        return digest

    async def published(self) -> list[columns.Columns]:
        """The charges of every event that went out, oldest first."""

        def work(connection: Connection) -> list[bytes]:
            query = (
                select(outbox_table.c.body)
                .where(
                    outbox_table.c.event_type == CallsRated.DESCRIPTOR.full_name,
                    outbox_table.c.tenant_id == self.tenant_id,
                )
                .order_by(outbox_table.c.commit_time, outbox_table.c.sequence)
            )
            return [bytes(body) for body in connection.execute(query).scalars()]

        bodies = await self.database.read(work)
        return [columns.decode(CallsRated.FromString(body).charges) for body in bodies]

    async def deltas(self) -> list[int]:
        """What every published settlement added, in micros."""
        return [delta for batch in await self.published() for delta in batch.int64("amount_delta")]
