"""Accounts by the codes by which people know them; other services than invoice know their ids."""

from collections.abc import Iterator
from contextlib import contextmanager

from cli.connection import Connection
from kernel.errors import DomainError, ErrorKind
from tollbook.invoice.v1 import invoice_service_pb2, invoice_service_pb2_grpc
from tollbook.invoice.v1.customer_pb2 import Account


async def account_id_of(connection: Connection, tenant: str, code: str) -> str:
    """The id of an account; UNKNOWN_ACCOUNT without one."""
    return (await account_of(connection, tenant, code)).account_id


async def account_of(connection: Connection, tenant: str, code: str) -> Account:
    """The account of a code; UNKNOWN_ACCOUNT without one."""
    async with connection.channel("invoice") as channel:
        customers = invoice_service_pb2_grpc.CustomerServiceStub(channel)
        wanted = invoice_service_pb2.ListAccountsRequest(code=code)
        known = (await customers.ListAccounts(wanted)).accounts
    if not known:
        raise DomainError(
            ErrorKind.NOT_FOUND,
            "UNKNOWN_ACCOUNT",
            f"{tenant} has no account {code}; --account takes the account's code",
        )
    return known[0]


@contextmanager
def naming_account(code: str) -> Iterator[None]:
    """Put the account's code before what a service says about its id."""
    try:
        yield
    except DomainError as error:
        if "account_id" not in error.metadata:
            raise
        message = f"account {code}: {error.message}"
        raise DomainError(error.kind, error.reason, message, error.metadata) from None
