"""ChargingAdminService: manages how calls are charged while they run."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import Position, decode_token, page_size, token_after
from chassis.security.caller import Caller
from kernel.clock import from_micros, to_micros
from services.rating.api.convert_charging_settings import (
    codes_from_proto,
    entry_to_proto,
    limit_from_proto,
    limit_to_proto,
    offline_answer_to_proto,
    policy_from_proto,
    policy_to_proto,
    scope_from_proto,
)
from services.rating.domain.charging.answer import Reason
from services.rating.domain.charging.return_codes import codes_of, read_reason
from services.rating.store.call_limits import StoredLimit, list_limits
from services.rating.store.charging_policies import list_policies
from services.rating.store.offline_answers import StoredOfflineAnswer, list_offline_answers
from services.rating.store.return_codes import equipment_tables
from services.rating.usecases.charging.manage_settings import (
    policy_in_force,
    remove_call_limit,
    remove_charging_policy,
    set_call_limit,
    set_charging_policy,
    tell_equipment,
    tell_equipment_standard,
)
from tollbook.rating.v1 import charging_admin_service_pb2 as messages
from tollbook.rating.v1.charging_admin_service_pb2_grpc import ChargingAdminServiceServicer


class ChargingAdminApi(ChargingAdminServiceServicer):
    """Manages policies, limits and return codes of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        """`endpoint` lets the replica heed a change before it is answered."""
        self._endpoint = endpoint

    async def SetChargingPolicy(
        self, request: messages.SetChargingPolicyRequest, context: Any
    ) -> messages.SetChargingPolicyResponse:
        """Set the policy of an account or of the tenant."""
        policy = policy_from_proto(request.policy)

        def work(uow: UnitOfWork, caller: Caller) -> messages.SetChargingPolicyResponse:
            stored = set_charging_policy(uow, caller.tenant_id, request.account_id, policy)
            return messages.SetChargingPolicyResponse(entry=policy_to_proto(stored))

        return await self._endpoint.mutate(request, messages.SetChargingPolicyResponse, work)

    async def DeleteChargingPolicy(
        self, request: messages.DeleteChargingPolicyRequest, context: Any
    ) -> messages.DeleteChargingPolicyResponse:
        """Remove a policy."""

        def work(uow: UnitOfWork, caller: Caller) -> messages.DeleteChargingPolicyResponse:
            remove_charging_policy(uow, caller.tenant_id, request.account_id)
            return messages.DeleteChargingPolicyResponse()

        return await self._endpoint.mutate(request, messages.DeleteChargingPolicyResponse, work)

    async def GetChargingPolicy(
        self, request: messages.GetChargingPolicyRequest, context: Any
    ) -> messages.GetChargingPolicyResponse:
        """Return the policy that holds for an account."""

        def work(connection: Connection, caller: Caller) -> messages.GetChargingPolicyResponse:
            stored = policy_in_force(connection, caller.tenant_id, request.account_id)
            return messages.GetChargingPolicyResponse(entry=policy_to_proto(stored))

        return await self._endpoint.query(work)

    async def ListChargingPolicies(
        self, request: messages.ListChargingPoliciesRequest, context: Any
    ) -> messages.ListChargingPoliciesResponse:
        """List the policies that were set."""
        size = page_size(request.page_size)
        [after] = decode_token(request.page_token) or [None]

        def work(connection: Connection, caller: Caller) -> messages.ListChargingPoliciesResponse:
            found = list_policies(connection, caller.tenant_id, after, size + 1)
            return messages.ListChargingPoliciesResponse(
                entries=map(policy_to_proto, found[:size]),
                next_page_token=token_after(found, size, lambda each: [each.account_id]),
            )

        return await self._endpoint.query(work)

    async def SetCallLimit(
        self, request: messages.SetCallLimitRequest, context: Any
    ) -> messages.SetCallLimitResponse:
        """Limit the calls of an account, a line or a trunk."""
        asked = request.call_limit
        limit = limit_from_proto(asked)

        def work(uow: UnitOfWork, caller: Caller) -> messages.SetCallLimitResponse:
            key = scope_from_proto(caller.tenant_id, asked.scope, asked.scope_id)
            stored = set_call_limit(uow, key, limit)
            return messages.SetCallLimitResponse(call_limit=limit_to_proto(stored))

        return await self._endpoint.mutate(request, messages.SetCallLimitResponse, work)

    async def DeleteCallLimit(
        self, request: messages.DeleteCallLimitRequest, context: Any
    ) -> messages.DeleteCallLimitResponse:
        """Remove a limit."""

        def work(uow: UnitOfWork, caller: Caller) -> messages.DeleteCallLimitResponse:
            key = scope_from_proto(caller.tenant_id, request.scope, request.scope_id)
            remove_call_limit(uow, key)
            return messages.DeleteCallLimitResponse()

        return await self._endpoint.mutate(request, messages.DeleteCallLimitResponse, work)

    async def ListCallLimits(
        self, request: messages.ListCallLimitsRequest, context: Any
    ) -> messages.ListCallLimitsResponse:
        """List limits by scope and id."""
        size = page_size(request.page_size)
        after = decode_token(request.page_token)

        def work(connection: Connection, caller: Caller) -> messages.ListCallLimitsResponse:
            position = None if after is None else (after[0], after[1])
            found = list_limits(connection, caller.tenant_id, position, size + 1)
            return messages.ListCallLimitsResponse(
                call_limits=map(limit_to_proto, found[:size]),
                next_page_token=token_after(found, size, _limit_position),
            )

        return await self._endpoint.query(work)

    async def SetReturnCodes(
        self, request: messages.SetReturnCodesRequest, context: Any
    ) -> messages.SetReturnCodesResponse:
        """Have an equipment told other codes for a reason."""
        equipment, reason = request.entry.equipment, read_reason(request.entry.reason)
        codes = codes_from_proto(request.entry.return_codes)

        def work(uow: UnitOfWork, caller: Caller) -> messages.SetReturnCodesResponse:
            tell_equipment(uow, caller.tenant_id, equipment, reason, codes)
            return messages.SetReturnCodesResponse(entry=entry_to_proto(equipment, reason, codes))

        return await self._endpoint.mutate(request, messages.SetReturnCodesResponse, work)

    async def DeleteReturnCodes(
        self, request: messages.DeleteReturnCodesRequest, context: Any
    ) -> messages.DeleteReturnCodesResponse:
        """Have an equipment told the standard codes for a reason again."""
        reason = read_reason(request.reason)

        def work(uow: UnitOfWork, caller: Caller) -> messages.DeleteReturnCodesResponse:
            tell_equipment_standard(uow, caller.tenant_id, request.equipment, reason)
            return messages.DeleteReturnCodesResponse()

        return await self._endpoint.mutate(request, messages.DeleteReturnCodesResponse, work)

    async def ListReturnCodes(
        self, request: messages.ListReturnCodesRequest, context: Any
    ) -> messages.ListReturnCodesResponse:
        """List what an equipment is told for every reason."""
        equipment = request.equipment

        def work(connection: Connection, caller: Caller) -> messages.ListReturnCodesResponse:
            tables = equipment_tables(connection, caller.tenant_id)
            return messages.ListReturnCodesResponse(
                entries=[
                    entry_to_proto(
                        equipment if (equipment, reason) in tables else "",
                        reason,
                        codes_of(tables, equipment, reason),
                    )
                    for reason in Reason
                ]
            )

        return await self._endpoint.query(work)

    async def ListOfflineAnswers(
        self, request: messages.ListOfflineAnswersRequest, context: Any
    ) -> messages.ListOfflineAnswersResponse:
        """List what was answered in outages, the newest first."""
        size = page_size(request.page_size)
        token = decode_token(request.page_token)
        before = token and (from_micros(token[0]), token[1], token[2])

        def work(connection: Connection, caller: Caller) -> messages.ListOfflineAnswersResponse:
            found = list_offline_answers(
                connection, caller.tenant_id, request.account_id, before, size + 1
            )
            return messages.ListOfflineAnswersResponse(
                offline_answers=map(offline_answer_to_proto, found[:size]),
                next_page_token=token_after(found, size, _answer_position),
            )

        return await self._endpoint.query(work)


def _limit_position(limit: StoredLimit) -> Position:
    return [int(limit.key.scope), limit.key.scope_id]


def _answer_position(answer: StoredOfflineAnswer) -> Position:
    return [to_micros(answer.answer_time), answer.session_id, answer.sequence]
