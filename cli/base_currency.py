"""`tollbook base-currency`: the currency in which a tenant's margins are counted."""

import asyncio
from typing import Annotated

import typer

from chassis.grpc.client import acting_for
from cli.connection import Connection
from cli.options import TenantOption
from cli.output import report
from kernel.ids import new_uuid
from tollbook.rating.v1 import tariff_service_pb2, tariff_service_pb2_grpc

OF_EACH_CHARGE = "that of each charge"


def base_currency(
    context: typer.Context,
    tenant: TenantOption,
    currency: Annotated[
        str | None, typer.Argument(help="ISO 4217 code; shows the present one without.")
    ] = None,
) -> None:
    """Show or choose the currency of margins; what is charged from now on has its margin in it."""
    with acting_for(tenant):
        chosen = asyncio.run(_chosen(context.obj, currency))
    report("Margins are in", chosen or OF_EACH_CHARGE)


async def _chosen(connection: Connection, currency: str | None) -> str:
    async with connection.channel("rating") as channel:
        stub = tariff_service_pb2_grpc.RatingProfileServiceStub(channel)
        if currency is None:
            asked = tariff_service_pb2.GetRatingProfileRequest()
            return (await stub.GetRatingProfile(asked)).rating_profile.base_currency_code
        choice = tariff_service_pb2.SetBaseCurrencyRequest(
            base_currency_code=currency, request_id=new_uuid()
        )
        return (await stub.SetBaseCurrency(choice)).rating_profile.base_currency_code
