"""OperationsService: what every service tells and does for the people who run it."""

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

from grpc.aio import ServicerContext
from sqlalchemy import Connection, func, select

from chassis.bus import outbox
from chassis.bus.broker import Broker
from chassis.bus.dead_letters import DeadLetter, DeadLetters
from chassis.bus.envelope import ONLY_CONSUMER, Envelope
from chassis.database.engine import Database
from chassis.database.schema import inbox_position_table, outbox_table
from chassis.grpc.convert import range_from_proto, time_to_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, page_size, token_after
from kernel.clock import utc_now
from kernel.errors import DomainError, ErrorKind
from tollbook.operations.v1 import operations_service_pb2 as pb
from tollbook.operations.v1 import operations_service_pb2_grpc as pb_grpc

Context = ServicerContext[Any, Any]

CONSUMERS = ("cdr", "rating", "payment", "invoice", "fraud")
EVENTS_A_REPLAY_MAX = 10_000_000


class OperationsApi(pb_grpc.OperationsServiceServicer):
    """Serves OperationsService for one service."""

    def __init__(self, database: Database, broker: Broker, service: str) -> None:
        self._database = database
        self._broker = broker
        self._endpoint = Endpoint(database)
        self._dead_letters = DeadLetters(broker, service)

    async def GetEventPositions(
        self, request: pb.GetEventPositionsRequest, context: Context
    ) -> pb.GetEventPositionsResponse:
        """Tell how far this service's events have gone and how far it has come with others'."""
        return await self._database.read(_positions)

    async def ListDeadLetters(
        self, request: pb.ListDeadLettersRequest, context: Context
    ) -> pb.ListDeadLettersResponse:
        """List what this service could not process."""
        size = page_size(request.page_size)
        [after] = decode_token(request.page_token) or [0]
        letters = await self._dead_letters.list_after(after, size + 1)
        return pb.ListDeadLettersResponse(
            dead_letters=[_dead_letter_to_proto(letter) for letter in letters[:size]],
            next_page_token=token_after(letters, size, lambda letter: [letter.dead_letter_id]),
        )

    async def ReplayDeadLetters(
        self, request: pb.ReplayDeadLettersRequest, context: Context
    ) -> pb.ReplayDeadLettersResponse:
        """Send dead letters again."""
        known = await self._endpoint.remembered(request, pb.ReplayDeadLettersResponse)
        if known is not None:
            return known
        count = await self._dead_letters.replay(
            list(request.dead_letter_ids), lambda letter_id: f"{request.request_id}.{letter_id}"
        )
        answer = pb.ReplayDeadLettersResponse(replayed_count=count)
        return await self._endpoint.mutate(request, type(answer), lambda _uow, _caller: answer)

    async def ReplayEvents(
        self, request: pb.ReplayEventsRequest, context: Context
    ) -> pb.ReplayEventsResponse:
        """Publish a part of the event log again."""
        if request.consumer and request.consumer not in CONSUMERS:
            raise DomainError(
                ErrorKind.INVALID_ARGUMENT,
                "UNKNOWN_CONSUMER",
                f"{request.consumer!r} consumes nothing; use one of {', '.join(CONSUMERS)}",
                {"consumer": request.consumer},
            )

        known = await self._endpoint.remembered(request, pb.ReplayEventsResponse)
        if known is not None:
            return known
        answer = pb.ReplayEventsResponse(replayed_count=await self._replay(request))
        return await self._endpoint.mutate(request, type(answer), lambda _uow, _caller: answer)

    async def _replay(self, request: pb.ReplayEventsRequest) -> int:
        await self._broker.create_streams()
        since, until = range_from_proto(request.commit_time_range)
        # What is older is kept now and then, but consumers may have forgotten that they know it.
        oldest = utc_now() - outbox.OUTBOX_RETENTION
        since = max(since or oldest, oldest)
        types = list(request.event_types)
        replay_id = uuid.uuid4().hex
        replayed, after = 0, (-1, 0)
        while replayed < EVENTS_A_REPLAY_MAX:
            part = await self._database.read(
                partial(outbox.event_log, since=since, until=until, event_types=types, after=after)
            )
            if not part:
                break
            await self._publish(part, replay_id, request.consumer)
            replayed += len(part)
            after = (part[-1].partition, part[-1].sequence)
        return replayed

    async def _publish(self, part: Sequence[Envelope], replay_id: str, consumer: str) -> None:
        only = {ONLY_CONSUMER: consumer} if consumer else {}
        headers = [e.headers(f"{e.event_id}.replay.{replay_id}") | only for e in part]
        stored = await self._broker.publish_in_order(part, headers)
        if stored < len(part):
            raise DomainError(
                ErrorKind.UNAVAILABLE,
                "BROKER_UNAVAILABLE",
                f"the broker stopped taking events at {part[stored].event_id}; replay again, "
                "nothing is applied twice",
                {"event_id": part[stored].event_id},
            )


def _positions(connection: Connection) -> pb.GetEventPositionsResponse:
    log, applied = outbox_table.c, inbox_position_table.c
    produced = connection.execute(
        select(log.event_type, log.partition, func.max(log.sequence).label("sequence"))
        .group_by(log.event_type, log.partition)
        .order_by(log.event_type, log.partition)
    )
    consumed = connection.execute(
        select(inbox_position_table).order_by(
            applied.producer, applied.event_type, applied.partition
        )
    )
    return pb.GetEventPositionsResponse(
        produced=[pb.ProducedPosition(**row._asdict()) for row in produced],
        consumed=[pb.ConsumedPosition(**row._asdict()) for row in consumed],
        unpublished_count=outbox.unpublished_count(connection),
    )


def _dead_letter_to_proto(letter: DeadLetter) -> pb.DeadLetter:
    return pb.DeadLetter(
        dead_letter_id=letter.dead_letter_id,
        event_id=letter.envelope.event_id,
        event_type=letter.envelope.event_type,
        tenant_id=letter.envelope.tenant_id,
        reason=letter.reason,
        message=letter.message,
        delivery_count=letter.delivery_count,
        dead_time=time_to_proto(letter.dead_time),
    )
