"""`tollbook set-top-up`, `tollbook top-up` and `tollbook collections`: money from instruments."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from google.type.money_pb2 import Money

from chassis.grpc.client import acting_for
from chassis.grpc.convert import money_from_proto, money_to_proto
from cli.accounts import account_id_of, account_of, naming_account
from cli.connection import Connection
from cli.instruments import listed_instruments
from cli.listing import pages
from cli.options import AccountOption, TenantOption, amount_in
from cli.output import add_row, amount_text, complain, console, report, table
from kernel.ids import new_uuid
from tollbook.payment.v1 import collection_pb2
from tollbook.payment.v1 import collection_service_pb2 as messages
from tollbook.payment.v1.collection_pb2 import Collection, TopUpPolicy
from tollbook.payment.v1.collection_service_pb2_grpc import CollectionServiceStub

POLL_SECONDS = 0.5
# A card answers in a few seconds; a direct debit takes days, for which nobody waits here.
OUTCOME_SECONDS_MAX = 20

_STATES = {
    collection_pb2.COLLECTION_STATE_PENDING: "pending",
    collection_pb2.COLLECTION_STATE_SUCCEEDED: "succeeded",
    collection_pb2.COLLECTION_STATE_DECLINED: "declined",
}

_LIMITS = {"day": "daily_limit", "month": "monthly_limit"}

InstrumentOption = Annotated[
    str, typer.Option("--instrument", help="Its id; the account's newest one otherwise.")
]


def set_top_up(
    context: typer.Context,
    tenant: TenantOption,
    account: AccountOption,
    amount: Annotated[str, typer.Option(help="How much at a time: 20. 0 takes the policy away.")],
    threshold: Annotated[str, typer.Option(help="Take it when no more than this is left.")] = "0",
    instrument: InstrumentOption = "",
    limit: Annotated[
        list[str] | None, typer.Option(help="At most this: day=50 or month=200; may be repeated.")
    ] = None,
) -> None:
    """Let a prepaid account keep money on its wallet by itself; set again, a suspension ends."""
    texts = {"threshold": threshold, "amount": amount, **_limits(limit or [])}
    with acting_for(tenant):
        stored = asyncio.run(_set(context.obj, tenant, account, instrument, texts))
    if not stored.HasField("amount"):
        report("No top-up", account)
        return
    taken, left = _text(stored.amount), _text(stored.threshold)
    report("Top-up", f"{taken} when no more than {left} of {account} is left")


def top_up(
    context: typer.Context,
    tenant: TenantOption,
    account: AccountOption,
    amount: Annotated[str, typer.Option(help="How much: 20.")],
    instrument: InstrumentOption = "",
) -> None:
    """Take money from an instrument now, and tell how that ended."""
    with acting_for(tenant):
        ended = asyncio.run(_collect(context.obj, tenant, account, amount, instrument))
    asked = f"{_text(ended.amount)} for {account}"
    if ended.state == collection_pb2.COLLECTION_STATE_DECLINED:
        complain(f"{asked} was declined: {ended.failure_code}")
        raise typer.Exit(1)
    report("Collection", f"{ended.collection_id}, {_STATES[ended.state]}: {asked}")


def collections(
    context: typer.Context,
    tenant: TenantOption,
    account: Annotated[str, typer.Option(help="Only those of this account, by its code.")] = "",
) -> None:
    """List each time that money was asked of an instrument, the newest first."""
    with acting_for(tenant):
        _show(asyncio.run(_listed(context.obj, tenant, account)))


def _limits(limits: Iterable[str]) -> dict[str, str]:
    """The limits of a policy, by their fields."""
    found = {}
    for each in limits:
        span, _, text = each.partition("=")
        if span not in _LIMITS:
            raise typer.BadParameter(f"--limit {each!r} is none like day=50 or month=200")
        found[_LIMITS[span]] = text
    return found


async def _set(
    connection: Connection, tenant: str, code: str, instrument: str, texts: dict[str, str]
) -> TopUpPolicy:
    account = await account_of(connection, tenant, code)
    amounts = {name: amount_in(account.currency_code, text) for name, text in texts.items()}
    request = messages.SetTopUpPolicyRequest(account_id=account.account_id, request_id=new_uuid())
    if amounts["amount"].micros:
        chosen = await _instrument(connection, tenant, code, instrument)
        fields: dict[str, Any] = {name: money_to_proto(each) for name, each in amounts.items()}
        request.policy.MergeFrom(TopUpPolicy(instrument_id=chosen, **fields))
    async with connection.channel("payment") as channel:
        with naming_account(code):
            return (await CollectionServiceStub(channel).SetTopUpPolicy(request)).policy


async def _collect(
    connection: Connection, tenant: str, code: str, text: str, instrument: str
) -> Collection:
    account = await account_of(connection, tenant, code)
    request = messages.CollectPaymentRequest(
        account_id=account.account_id,
        instrument_id=await _instrument(connection, tenant, code, instrument),
        amount=money_to_proto(amount_in(account.currency_code, text)),
        request_id=new_uuid(),
    )
    async with connection.channel("payment") as channel:
        stub = CollectionServiceStub(channel)
        with naming_account(code):
            begun = (await stub.CollectPayment(request)).collection
        return await _outcome(stub, begun)


async def _outcome(stub: CollectionServiceStub, begun: Collection) -> Collection:
    """How a collection ended, or how it stands when nobody waits any longer."""
    wanted = messages.GetCollectionRequest(collection_id=begun.collection_id)
    found = begun
    for _ in range(int(OUTCOME_SECONDS_MAX / POLL_SECONDS)):
        found = (await stub.GetCollection(wanted)).collection
        if found.HasField("end_time"):
            break
        await asyncio.sleep(POLL_SECONDS)
    return found


async def _instrument(connection: Connection, tenant: str, account: str, chosen: str) -> str:
    """The chosen instrument, or the newest of the account."""
    if chosen:
        return chosen
    found = await listed_instruments(connection, tenant, account)
    if not found:
        raise typer.BadParameter(f"{account} has no instrument; see `tollbook attach-instrument`")
    return found[0].instrument_id


async def _listed(connection: Connection, tenant: str, account: str) -> list[Collection]:
    account_id = await account_id_of(connection, tenant, account) if account else ""
    async with connection.channel("payment") as channel:
        wanted = messages.ListCollectionsRequest(account_id=account_id)
        found = pages(CollectionServiceStub(channel).ListCollections, wanted)
        return [each async for page in found for each in page.collections]


def _text(amount: Money) -> str:
    return amount_text(money_from_proto(amount))


def _show(found: Iterable[Collection]) -> None:
    shown = table("Collections", "collection", "asked for", "since", "state", "why", "gateway's")
    for each in found:
        amount = _text(each.amount)
        since = each.create_time.ToDatetime().isoformat(" ", "minutes")
        state = _STATES[each.state]
        texts = (each.collection_id, amount, since, state, each.failure_code, each.reference)
        add_row(shown, *texts)
    console.print(shown)
