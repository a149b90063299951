"""The RPCs of CustomerService about customers."""

from typing import Any

from grpc.aio import ServicerContext

from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import next_page_token, requested_page
from kernel.clock import utc_now
from services.invoice.api import convert
from services.invoice.store import customers
from services.invoice.store.vault import Vault
from services.invoice.usecases.create_customer import create_customer
from services.invoice.usecases.erase_customer import erase_customer
from services.invoice.usecases.load import load_customer
from tollbook.invoice.v1 import customer_pb2
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.invoice.v1 import invoice_service_pb2_grpc as pb_grpc

Context = ServicerContext[Any, Any]


class CustomerRpcs(pb_grpc.CustomerServiceServicer):
    """Customers: who buys."""

    def __init__(self, endpoint: Endpoint, vault: Vault) -> None:
        self._endpoint = endpoint
        self._vault = vault

    async def CreateCustomer(
        self, request: pb.CreateCustomerRequest, context: Context
    ) -> pb.CreateCustomerResponse:
        """Create a customer."""
        customer = convert.customer_from_proto(request.customer, utc_now())
        answer = await self._endpoint.mutate(
            request,
            pb.CreateCustomerResponse,
            lambda uow, caller: pb.CreateCustomerResponse(
                customer=convert.customer_to_proto(
                    create_customer(uow, self._vault, caller.tenant_id, customer)
                )
            ),
            kept=_only_the_id,
        )
        if not answer.customer.HasField("display_name"):
            # A repetition: the first answer again, with what is still known of the customer.
            answer.customer.CopyFrom(await self._customer(answer.customer.customer_id))
        return answer

    async def GetCustomer(
        self, request: pb.GetCustomerRequest, context: Context
    ) -> pb.GetCustomerResponse:
        """Return a customer."""
        return pb.GetCustomerResponse(customer=await self._customer(request.customer_id))

    async def ListCustomers(
        self, request: pb.ListCustomersRequest, context: Context
    ) -> pb.ListCustomersResponse:
        """List customers by external id."""
        asked = requested_page(request)
        page = await self._endpoint.query(
            lambda connection, caller: customers.list_customers(
                connection, self._vault, caller.tenant_id, asked
            )
        )
        return pb.ListCustomersResponse(
            customers=[convert.customer_to_proto(each) for each in page.items],
            next_page_token=next_page_token(page),
        )

    async def EraseCustomer(
        self, request: pb.EraseCustomerRequest, context: Context
    ) -> pb.EraseCustomerResponse:
        """Destroy the key of a customer's personal data."""
        return await self._endpoint.mutate(
            request,
            pb.EraseCustomerResponse,
            lambda uow, caller: pb.EraseCustomerResponse(
                customer=convert.customer_to_proto(
                    erase_customer(uow, self._vault, caller.tenant_id, request.customer_id)
                )
            ),
        )

    async def _customer(self, customer_id: str) -> customer_pb2.Customer:
        found = await self._endpoint.query(
            lambda connection, caller: load_customer(
                connection, self._vault, caller.tenant_id, customer_id
            )
        )
        return convert.customer_to_proto(found)


def _only_the_id(answer: pb.CreateCustomerResponse) -> pb.CreateCustomerResponse:
    """What is stored of an answer: no personal text lies outside the sealed columns."""
    kept = customer_pb2.Customer(customer_id=answer.customer.customer_id)
    return pb.CreateCustomerResponse(customer=kept)
