"""`tollbook dead-letters`: events that a service gave up on, shown and sent again."""

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from cli.connection import Connection
from cli.options import check_known
from cli.output import add_row, console, report, table
from deploy.local.installation import SERVICES
from kernel.ids import new_uuid
from tollbook.operations.v1 import operations_service_pb2, operations_service_pb2_grpc

PAGE_SIZE = 500

dead_letters = typer.Typer(help="Events that a service gave up on.", no_args_is_help=True)

ServiceOption = Annotated[
    str, typer.Option("--service", help="Only those of this service; all otherwise.")
]


@dead_letters.command("list")
def list_dead_letters(context: typer.Context, service: ServiceOption = "") -> None:
    """List dead letters with their reasons, oldest first."""
    found = {name: asyncio.run(_list(context.obj, name)) for name in _chosen(service)}
    if not any(found.values()):
        report("Dead letters", "none")
        return
    console.print(_table(found))


@dead_letters.command("replay")
def replay_dead_letters(
    context: typer.Context,
    service: Annotated[str, typer.Option(help="The service that gave up on them.")],
    letter: Annotated[
        list[int] | None, typer.Option(help="Only this one; may be repeated.")
    ] = None,
) -> None:
    """Send dead letters to their service again; none is applied twice."""
    check_known(service)
    count = asyncio.run(_replay(context.obj, service, letter or []))
    report("Sent again", f"{count:,} dead letters of {service}")


def _chosen(service: str) -> tuple[str, ...]:
    if not service:
        return SERVICES
    check_known(service)
    return (service,)


async def _list(connection: Connection, service: str) -> list[operations_service_pb2.DeadLetter]:
    letters: list[operations_service_pb2.DeadLetter] = []
    async with connection.channel(service) as channel:
        stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
        request = operations_service_pb2.ListDeadLettersRequest(page_size=PAGE_SIZE)
        is_last = False
        while not is_last:
            page = await stub.ListDeadLetters(request)
            letters += page.dead_letters
            request.page_token = page.next_page_token
            is_last = not page.next_page_token
    return letters


async def _replay(connection: Connection, service: str, letter_ids: list[int]) -> int:
    async with connection.channel(service) as channel:
        stub = operations_service_pb2_grpc.OperationsServiceStub(channel)
        answer = await stub.ReplayDeadLetters(
            operations_service_pb2.ReplayDeadLettersRequest(
                dead_letter_ids=letter_ids, request_id=new_uuid()
            )
        )
    return answer.replayed_count


def _table(found: dict[str, list[operations_service_pb2.DeadLetter]]) -> Table:
    headings = ("service", "letter", "since", "tenant", "event", "reason", "what went wrong")
    shown = table("Dead letters", *headings)
    for service, letters in found.items():
        for each in letters:
            add_row(
                shown,
                *(service, str(each.dead_letter_id), each.dead_time.ToJsonString()),
                *(each.tenant_id, f"{each.event_type.rpartition('.')[2]} {each.event_id}"),
                *(each.reason, each.message),
            )
    return shown
