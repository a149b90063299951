"""`tollbook set-account-decks`: the decks that one account has before those of its plan."""

import asyncio
from typing import Annotated

import typer

from chassis.grpc.client import acting_for
from cli.accounts import account_id_of, naming_account
from cli.connection import Connection
from cli.json_files import read_message
from cli.options import FileArgument, TenantOption, ValidateOnlyOption
from cli.output import report
from cli.tariff_codes import deck_codes
from kernel.ids import new_uuid
from tollbook.rating.v1 import tariff_service_pb2, tariff_service_pb2_grpc
from tollbook.rating.v1.account_decks_pb2 import AccountDecks


def set_account_decks(
    context: typer.Context,
    file: FileArgument,
    tenant: TenantOption,
    account: Annotated[str, typer.Option(help="Code of the account.")],
    validate_only: ValidateOnlyOption = False,
) -> None:
    """Give an account the decks of FILE, AccountDecks as JSON with codes of decks as ids.

    They take the place of those it had; `{}` leaves the account to its plan.
    """
    decks = read_message(file, AccountDecks())
    with acting_for(tenant):
        stored = asyncio.run(_set(context.obj, tenant, account, decks, validate_only))
    known = f"{len(stored.overrides)} before those of the plan of {account}"
    report("Would set" if validate_only else "Decks", known)


async def _set(
    connection: Connection, tenant: str, account: str, decks: AccountDecks, validate_only: bool
) -> AccountDecks:
    account_id = await account_id_of(connection, tenant, account)
    async with connection.channel("rating") as channel:
        codes = await deck_codes(channel)
        for place, each in enumerate(decks.overrides):
            each.rate_deck_id = codes.id_of(each.rate_deck_id, f"overrides[{place}].rateDeckId")
        request = tariff_service_pb2.SetAccountDecksRequest(
            account_id=account_id,
            overrides=decks.overrides,
            request_id=new_uuid(),
            validate_only=validate_only,
        )
        with naming_account(account):
            stub = tariff_service_pb2_grpc.AccountDeckServiceStub(channel)
            return (await stub.SetAccountDecks(request)).account_decks
