"""The RPCs of CustomerService about accounts."""

from typing import Any

from grpc.aio import ServicerContext

from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import next_page_token, requested_page
from kernel.clock import utc_now
from services.invoice.api import convert
from services.invoice.store import accounts
from services.invoice.usecases.create_account import create_account
from services.invoice.usecases.load import load_account
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.invoice.v1 import invoice_service_pb2_grpc as pb_grpc

Context = ServicerContext[Any, Any]


class AccountRpcs(pb_grpc.CustomerServiceServicer):
    """Accounts: what is charged, invoiced and paid together."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def CreateAccount(
        self, request: pb.CreateAccountRequest, context: Context
    ) -> pb.CreateAccountResponse:
        """Create an account."""
        account = convert.account_from_proto(request.account, utc_now())
        return await self._endpoint.mutate(
            request,
            pb.CreateAccountResponse,
            lambda uow, caller: pb.CreateAccountResponse(
                account=convert.account_to_proto(create_account(uow, caller.tenant_id, account))
            ),
        )

    async def GetAccount(
        self, request: pb.GetAccountRequest, context: Context
    ) -> pb.GetAccountResponse:
        """Return an account."""
        found = await self._endpoint.query(
            lambda connection, caller: load_account(
                connection, caller.tenant_id, request.account_id
            )
        )
        return pb.GetAccountResponse(account=convert.account_to_proto(found))

    async def ListAccounts(
        self, request: pb.ListAccountsRequest, context: Context
    ) -> pb.ListAccountsResponse:
        """List accounts by code."""
        asked = requested_page(request)
        page = await self._endpoint.query(
            lambda connection, caller: accounts.list_accounts(
                connection, caller.tenant_id, request.code, asked
            )
        )
        return pb.ListAccountsResponse(
            accounts=[convert.account_to_proto(each) for each in page.items],
            next_page_token=next_page_token(page),
        )
