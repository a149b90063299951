"""`tollbook replay`: a part of a service's event log is published again."""

import asyncio
from datetime import datetime
from typing import Annotated

import typer

from chassis.grpc.convert import range_to_proto
from cli.connection import Connection
from cli.options import ServiceName, check_known, utc
from cli.output import report
from kernel.ids import new_uuid
from tollbook.operations.v1 import operations_service_pb2, operations_service_pb2_grpc


def replay(
    context: typer.Context,
    service: ServiceName,
    since: Annotated[datetime | None, typer.Option(help="Committed from then on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Committed before (UTC).")] = None,
    event_type: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only this event, by its full name; may be repeated."),
    ] = None,
    consumer: Annotated[str, typer.Option(help="Only for this service; all otherwise.")] = "",
) -> None:
    """Publish a service's events again; consumers ignore what they know, so nothing doubles."""
    check_known(service)
    request = operations_service_pb2.ReplayEventsRequest(
        commit_time_range=range_to_proto((utc(since), utc(until))),
        event_types=event_type or [],
        consumer=consumer,
        request_id=new_uuid(),
    )
    count = asyncio.run(_replay(context.obj, service, request))
    report("Published again", f"{count:,} events of {service}")


async def _replay(
    connection: Connection, service: str, request: operations_service_pb2.ReplayEventsRequest
) -> int:
    async with connection.channel(service) as channel:
        stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
        return (await stub.ReplayEvents(request)).replayed_count
