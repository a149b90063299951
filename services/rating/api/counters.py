"""CounterService: shows counters, and grants bundles."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import period_from_proto, range_to_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, page_size, token_after
from chassis.security.caller import Caller
from kernel.clock import from_micros, to_micros
from kernel.period import Period
from services.rating.api.convert_terms import bundle_from_proto, bundle_to_proto
from services.rating.domain.account import BundleGrant
from services.rating.domain.counters import CounterKey, CounterState
from services.rating.store.bundle_grants import list_grants
from services.rating.store.counters import list_counters
from services.rating.usecases.catalog.grant_bundle import grant_bundle
from tollbook.rating.v1 import usage_service_pb2 as messages
from tollbook.rating.v1.usage_service_pb2_grpc import CounterServiceServicer


class CounterApi(CounterServiceServicer):
    """Shows and grants what accounts of the caller's tenant have included."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def ListCounters(
        self, request: messages.ListCountersRequest, context: Any
    ) -> messages.ListCountersResponse:
        """List the counters of an account, the newest period first."""
        size = page_size(request.page_size)
        token = decode_token(request.page_token)
        before = (token[0], token[1], token[2]) if token else None

        def work(connection: Connection, caller: Caller) -> messages.ListCountersResponse:
            counters = list_counters(
                connection, caller.tenant_id, request.account_id, before, size + 1
            )
            return messages.ListCountersResponse(
                counters=[_counter_to_proto(*counter) for counter in counters[:size]],
                next_page_token=token_after(counters, size, lambda counter: _position(counter[0])),
            )

        return await self._endpoint.query(work)

    async def GrantBundle(
        self, request: messages.GrantBundleRequest, context: Any
    ) -> messages.GrantBundleResponse:
        """Give an account a bundle besides those of its plan."""
        new, validity = request.grant, period_from_proto(request.grant.validity)
        grant = BundleGrant(
            new.grant_id,
            new.account_id,
            bundle_from_proto("grant.allowance", new.allowance),
            to_micros(validity.start),
            to_micros(validity.end),
        )

        def work(uow: UnitOfWork, caller: Caller) -> messages.GrantBundleResponse:
            granted = grant_bundle(uow, caller.tenant_id, grant)
            return messages.GrantBundleResponse(grant=_grant_to_proto(granted))

        return await self._endpoint.mutate(
            request, messages.GrantBundleResponse, work, validate_only=request.validate_only
        )

    async def ListBundleGrants(
        self, request: messages.ListBundleGrantsRequest, context: Any
    ) -> messages.ListBundleGrantsResponse:
        """List the bundles granted to an account."""
        size = page_size(request.page_size)
        [after] = decode_token(request.page_token) or [""]

        def work(connection: Connection, caller: Caller) -> messages.ListBundleGrantsResponse:
            grants = list_grants(connection, caller.tenant_id, request.account_id, after, size + 1)
            return messages.ListBundleGrantsResponse(
                grants=map(_grant_to_proto, grants[:size]),
                next_page_token=token_after(grants, size, lambda grant: [grant.grant_id]),
            )

        return await self._endpoint.query(work)


def _position(key: CounterKey) -> list[int | str]:
    return [key.period_start_micros, key.source_id, key.code]


def _counter_to_proto(key: CounterKey, state: CounterState) -> messages.UsageCounter:
    return messages.UsageCounter(
        owner_account_id=key.owner_account_id,
        source_id=key.source_id,
        code=key.code,
        period=range_to_proto(
            Period(from_micros(key.period_start_micros), from_micros(key.period_end_micros))
        ),
        granted=state.granted,
        used=state.used,
        spent_micros=state.spent_micros,
    )


def _grant_to_proto(grant: BundleGrant) -> messages.BundleGrant:
    validity = Period(from_micros(grant.start_micros), from_micros(grant.end_micros))
    return messages.BundleGrant(
        grant_id=grant.grant_id,
        account_id=grant.account_id,
        allowance=bundle_to_proto(grant.allowance),
        validity=range_to_proto(validity),
    )
