"""CollectionService: takes money from the instruments of accounts."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.pages import Page
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import next_page_token, requested_page
from chassis.security.caller import Caller
from services.payment.api.convert_collections import (
    collection_to_proto,
    instrument_to_proto,
    order_from_proto,
    policy_from_proto,
    reference_from_proto,
    top_up_to_proto,
)
from services.payment.domain.collections.collection import Collection
from services.payment.domain.collections.collection_errors import gateway_unavailable
from services.payment.domain.collections.gateway import GatewayUnavailable, InstrumentDetails
from services.payment.domain.collections.payment_instrument import (
    InstrumentReference,
    PaymentInstrument,
)
from services.payment.domain.collections.top_up import TopUp
from services.payment.gateways.stripe import StripeGateway
from services.payment.store.accounts import account_of
from services.payment.store.collections import get_collection, list_collections
from services.payment.store.payment_instruments import list_instruments
from services.payment.store.top_up_policies import top_ups_of
from services.payment.usecases.collections.keep_instruments import (
    attach_instrument,
    detach_instrument,
)
from services.payment.usecases.collections.order_collections import (
    order_collection,
    set_top_up_policy,
)
from tollbook.payment.v1 import collection_service_pb2 as messages
from tollbook.payment.v1.collection_service_pb2_grpc import CollectionServiceServicer


class CollectionApi(CollectionServiceServicer):
    """Manages instruments, top-up policies and collections of the caller's tenant."""

    def __init__(self, endpoint: Endpoint, gateway: StripeGateway) -> None:
        self._endpoint = endpoint
        self._gateway = gateway

    async def AttachPaymentInstrument(
        self, request: messages.AttachPaymentInstrumentRequest, context: Any
    ) -> messages.AttachPaymentInstrumentResponse:
        """Keep an instrument, once the gateway has told of it."""
        response = messages.AttachPaymentInstrumentResponse
        if (answered := await self._endpoint.remembered(request, response)) is not None:
            return answered
        account_id = request.instrument.account_id
        reference = reference_from_proto(request.instrument)
        details = await self._described(account_id, reference)

        def work(
            unit_of_work: UnitOfWork, caller: Caller
        ) -> messages.AttachPaymentInstrumentResponse:
            key = (caller.tenant_id, account_id)
            instrument = attach_instrument(unit_of_work, *key, reference, details)
            return response(instrument=instrument_to_proto(instrument))

        return await self._endpoint.mutate(request, response, work)

    async def DetachPaymentInstrument(
        self, request: messages.DetachPaymentInstrumentRequest, context: Any
    ) -> messages.DetachPaymentInstrumentResponse:
        """Forget an instrument."""

        def work(
            unit_of_work: UnitOfWork, caller: Caller
        ) -> messages.DetachPaymentInstrumentResponse:
            detach_instrument(unit_of_work, caller.tenant_id, request.instrument_id)
            return messages.DetachPaymentInstrumentResponse()

        return await self._endpoint.mutate(request, messages.DetachPaymentInstrumentResponse, work)

    async def ListPaymentInstruments(
        self, request: messages.ListPaymentInstrumentsRequest, context: Any
    ) -> messages.ListPaymentInstrumentsResponse:
        """List instruments, newest first."""
        wanted = requested_page(request)

        def work(connection: Connection, caller: Caller) -> Page[PaymentInstrument]:
            return list_instruments(connection, caller.tenant_id, request.account_id, wanted)

        page = await self._endpoint.query(work)
        return messages.ListPaymentInstrumentsResponse(
            instruments=[instrument_to_proto(each) for each in page.items],
            next_page_token=next_page_token(page),
        )

    async def SetTopUpPolicy(
        self, request: messages.SetTopUpPolicyRequest, context: Any
    ) -> messages.SetTopUpPolicyResponse:
        """Lay down how an account tops itself up."""
        policy = policy_from_proto(request)

        def work(unit_of_work: UnitOfWork, caller: Caller) -> messages.SetTopUpPolicyResponse:
            key = (caller.tenant_id, request.account_id)
            top_up = set_top_up_policy(unit_of_work, *key, policy)
            return messages.SetTopUpPolicyResponse(policy=top_up_to_proto(top_up))

        return await self._endpoint.mutate(request, messages.SetTopUpPolicyResponse, work)

    async def GetTopUpPolicy(
        self, request: messages.GetTopUpPolicyRequest, context: Any
    ) -> messages.GetTopUpPolicyResponse:
        """Return how an account tops itself up."""

        def work(connection: Connection, caller: Caller) -> TopUp | None:
            account = account_of(connection, caller.tenant_id, request.account_id)
            found = top_ups_of(connection, caller.tenant_id, [account.account_id])
            return found.get(account.account_id)

        top_up = await self._endpoint.query(work)
        return messages.GetTopUpPolicyResponse(policy=top_up_to_proto(top_up))

    async def CollectPayment(
        self, request: messages.CollectPaymentRequest, context: Any
    ) -> messages.CollectPaymentResponse:
        """Begin to take money from an instrument."""
        order = order_from_proto(request)

        def work(unit_of_work: UnitOfWork, caller: Caller) -> messages.CollectPaymentResponse:
            collection = order_collection(unit_of_work, caller.tenant_id, order, caller.subject)
            return messages.CollectPaymentResponse(collection=collection_to_proto(collection))

        return await self._endpoint.mutate(request, messages.CollectPaymentResponse, work)

    async def GetCollection(
        self, request: messages.GetCollectionRequest, context: Any
    ) -> messages.GetCollectionResponse:
        """Return a collection."""

        def work(connection: Connection, caller: Caller) -> Collection:
            return get_collection(connection, caller.tenant_id, request.collection_id)

        collection = await self._endpoint.query(work)
        return messages.GetCollectionResponse(collection=collection_to_proto(collection))

    async def ListCollections(
        self, request: messages.ListCollectionsRequest, context: Any
    ) -> messages.ListCollectionsResponse:
        """List collections, newest first."""
        wanted = requested_page(request)

        def work(connection: Connection, caller: Caller) -> Page[Collection]:
            return list_collections(connection, caller.tenant_id, request.account_id, wanted)

        page = await self._endpoint.query(work)
        return messages.ListCollectionsResponse(
            collections=[collection_to_proto(each) for each in page.items],
            next_page_token=next_page_token(page),
        )

    async def _described(
        self, account_id: str, reference: InstrumentReference
    ) -> InstrumentDetails:
        """What the gateway tells of an instrument; it hears nothing of unknown accounts."""

        def check(connection: Connection, caller: Caller) -> str:
            return account_of(connection, caller.tenant_id, account_id).tenant_id

        tenant_id = await self._endpoint.query(check)
        try:
            return await self._gateway.describe(tenant_id, reference.customer, reference.method)
        except GatewayUnavailable:
            raise gateway_unavailable(reference.gateway) from None
