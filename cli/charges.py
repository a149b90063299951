"""`tollbook explain` and `tollbook refund`: why a charge is what it is; giving it back."""

import asyncio
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Literal

import typer
from google.type.money_pb2 import Money
from rich.table import Table

from chassis.grpc.client import acting_for
from chassis.grpc.convert import money_from_proto
from cli.connection import Connection
from cli.options import TenantOption, ValidateOnlyOption
from cli.output import add_row, amount_text, complain, console, report, steps, table
from kernel.ids import new_uuid
from tollbook.rating.v1 import (
    charge_pb2,
    rating_service_pb2,
    rating_service_pb2_grpc,
    usage_service_pb2,
    usage_service_pb2_grpc,
)
from tollbook.type.v1 import call_pb2

REVISION_MAX = 2**32 - 1
_PARTIES = {
    call_pb2.PARTY_CUSTOMER: "customer",
    call_pb2.PARTY_RESELLER: "reseller",
    call_pb2.PARTY_SUPPLIER: "supplier",
}


class _Party(StrEnum):
    """Who pays for a call."""

    CUSTOMER = "customer"
    RESELLER = "reseller"
    SUPPLIER = "supplier"


_NUMBERS = {_Party(name): number for number, name in _PARTIES.items()}


def explain(
    context: typer.Context,
    charge_id: Annotated[str, typer.Argument(help="The charge, as `bill --csv` names it.")],
    tenant: TenantOption,
    revision: Annotated[
        int, typer.Option(help="Which revision; the newest otherwise.", min=0, max=REVISION_MAX)
    ] = 0,
    receipt: Annotated[
        bool, typer.Option("--receipt", help="Print the stored receipt and nothing else.")
    ] = False,
) -> None:
    """Show a charge's amount, every step to it in words, and the other parties of the call."""
    with acting_for(tenant):
        found = asyncio.run(_explain(context.obj, charge_id, revision))
    if receipt:
        _print_receipt(found)
    else:
        _show(found)


def refund(
    context: typer.Context,
    charge_id: Annotated[str, typer.Argument(help="The charge, as `bill --csv` names it.")],
    tenant: TenantOption,
    with_party: Annotated[
        list[_Party] | None,
        typer.Option("--with", help="Who else gets back what the call costs; may be repeated."),
    ] = None,
    validate_only: ValidateOnlyOption = False,
) -> None:
    """Give a charge back whole; what others pay for the same call stands unless they are named.

    A supplier's cost is given back by `--with supplier` once the supplier has credited the call.
    """
    parties = [_NUMBERS[each] for each in with_party or ()]
    with acting_for(tenant):
        answer = asyncio.run(_refund(context.obj, charge_id, parties, validate_only))
    given_back = [answer.charge, *answer.other_charges]
    done = "Would give back" if validate_only else "Given back"
    report(done, f"{len(given_back)} of the charges of the call")
    console.print(_parties(given_back))


async def _refund(
    connection: Connection,
    charge_id: str,
    parties: Iterable[call_pb2.Party.ValueType],
    validate_only: bool,
) -> usage_service_pb2.RefundChargeResponse:
    async with connection.channel("rating") as channel:
        return await usage_service_pb2_grpc.UsageServiceStub(channel).RefundCharge(
            usage_service_pb2.RefundChargeRequest(
                charge_id=charge_id,
                other_parties=parties,
                request_id=new_uuid(),
                validate_only=validate_only,
            )
        )


async def _explain(
    connection: Connection, charge_id: str, revision: int
) -> rating_service_pb2.ExplainChargeResponse:
    async with connection.channel("rating") as channel:
        return await rating_service_pb2_grpc.ChargeQueryServiceStub(channel).ExplainCharge(
            rating_service_pb2.ExplainChargeRequest(charge_id=charge_id, revision=revision)
        )


def _print_receipt(found: rating_service_pb2.ExplainChargeResponse) -> None:
    """The bytes as they are stored, on a line."""
    if not found.receipt_content:
        charge = found.charge
        complain(f"charge {charge.charge_id} has no price, so no receipt: {charge.unrated_reason}")
        raise typer.Exit(1)
    typer.echo(found.receipt_content)


def _show(found: rating_service_pb2.ExplainChargeResponse) -> None:
    charge = found.charge
    if charge.unrated_reason:
        report("No price", charge.unrated_reason)
    if charge.HasField("amount"):
        report("Charged", f"{_amount(charge, 'amount')} ({_settlement(charge)})")
    steps(charge.receipt.explanation)
    if found.other_parties:
        console.print(_parties([charge, *found.other_parties]))


def _settlement(charge: charge_pb2.Charge) -> str:
    """Which settlement of the charge it is, and of what period."""
    since = charge.billing_period.start_time.ToJsonString()
    corrects = ", a correction" if charge.correction else ""
    return f"revision {charge.revision}, in the period from {since}{corrects}"


def _parties(charges: Iterable[charge_pb2.Charge]) -> Table:
    """Who pays for the call: the customer, resellers on the way up, and what a supplier gets."""
    shown = table("All parties of the call", "party", "charge", "amount", "cost", "margin")
    for each in sorted(charges, key=lambda each: (each.party, each.party_level)):
        level = f" {each.party_level}" if each.party_level else ""
        amounts = (_amount(each, field) for field in ("amount", "cost", "margin"))
        add_row(shown, _PARTIES[each.party] + level, each.charge_id, *amounts)
    return shown


def _amount(charge: charge_pb2.Charge, field: Literal["amount", "cost", "margin"]) -> str:
    """One of a charge's amounts; empty while it is not known."""
    amount: Money = getattr(charge, field)
    return amount_text(money_from_proto(amount)) if charge.HasField(field) else ""
