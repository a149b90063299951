"""payment itself, served on loopback over a database of its own, for rating to ask for holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
from sqlalchemy import Connection, select

from chassis.bus.envelope import Envelope
from chassis.database.engine import Database
from chassis.database.schema import outbox_table
from chassis.grpc.client import connect
from chassis.grpc.server import GrpcServer
from chassis.security.authority import LocalAuthority
from chassis.service import Runtime
from chassis.settings import CommonSettings
from kernel.clock import utc_now
from kernel.partition import partition_of
from services.payment import wiring
from services.payment.domain.ledger.account import PaymentMode
from services.payment.domain.ledger.balance import Balance
from services.payment.store.ledger_accounts import balance_of
from services.payment.usecases.posting.record_payment import record_payment
from tests.conformance.payment.books import account, announcement, apply_events, receipt
from tollbook.payment.v1 import transfer_service_pb2 as transfers
from tollbook.payment.v1.hold_pb2 import Hold
from tollbook.payment.v1.transfer_service_pb2_grpc import TransferServiceStub
from tollbook.rating.v1.rating_events_pb2 import CallsRated

SCOPES = ("payment.transfer", "payment.read")
HOUR_SECONDS = 3_600
DRAIN_SECONDS = 5
END_SECONDS_MAX = 10
POLL_SECONDS = 0.01


class RealPayment:
    """A running payment service, and what happens to the money of accounts there."""

    def __init__(self, database: Database, channel: grpc.aio.Channel, tenant_id: str) -> None:
        self.channel = channel
        self._database = database
        self._tenant_id = tenant_id
        self._stub = TransferServiceStub(channel)
        self._sequence = 0

    async def give(self, account_id: str, micros: int, currency: str = "EUR") -> None:
        """Let an account be prepaid, and have so much money."""
        payer = account(PaymentMode.PREPAID, self._tenant_id, currency, account_id)
        self._sequence += 1
        body = announcement(payer)
        told = Envelope(
            body.DESCRIPTOR.full_name,
            partition_of(self._tenant_id, account_id),
            self._sequence,
            self._tenant_id,
            utc_now(),
            "",
            body.SerializeToString(),
        )
        await self._database.write(lambda uow: apply_events(uow, [told]))
        if micros:
            paid = receipt(payer, micros)
            await self._database.write(
                lambda uow: record_payment(uow, self._tenant_id, paid, "ann")
            )

    async def hear(self, rating: Database) -> None:
        """Apply what rating has told since the last time, as the consumer does."""

        def told(connection: Connection) -> list[Envelope]:
            rows = connection.execute(
                select(outbox_table)
                .where(outbox_table.c.event_type == CallsRated.DESCRIPTOR.full_name)
                .order_by(outbox_table.c.partition, outbox_table.c.sequence)
            )
            return [
                Envelope(
                    row.event_type,
                    row.partition,
                    row.sequence,
                    row.tenant_id,
                    row.commit_time,
                    "",
                    bytes(row.body),
                )
                for row in rows
            ]

        events = await rating.read(told)
        await self._database.write(lambda uow: apply_events(uow, events))

    async def wallet(self, account_id: str, currency: str = "EUR") -> int:
        """The money of an account, by its ledger."""
        payer = account(PaymentMode.PREPAID, self._tenant_id, currency, account_id)

        def work(connection: Connection) -> Balance:
            return balance_of(connection, payer)

        return (await self._database.read(work)).wallet.micros

    async def holds(self, account_id: str) -> Sequence[Hold]:
        """The open holds of an account."""
        request = transfers.ListHoldsRequest(account_id=account_id)
        return list((await self._stub.ListHolds(request)).holds)

    async def until_settled(self, account_id: str) -> None:
        """Wait until no hold of an account is open: rating ends them in the background."""
        async with asyncio.timeout(END_SECONDS_MAX):
            while await self.holds(account_id):
                await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def serving_payment(
    database: Database, folder: Path, tenant_id: str
) -> AsyncIterator[RealPayment]:
    """Serve what payment's wiring puts together; its background is left out."""
    authority = LocalAuthority.open(folder / "authority")
    settings = CommonSettings(
        listen_address="127.0.0.1:0", trusted_keys_file=authority.trusted_keys_file
    )
    definition = wiring.build(Runtime("payment", settings, {}, database))
    server = GrpcServer(definition.servicers, settings)
    await server.start()
    token_file = folder / "rating.token"
    token_file.write_text(authority.mint("rating", tenant_id, SCOPES, HOUR_SECONDS))
    channel = connect(
        f"127.0.0.1:{server.port}",
        "tollbook.payment.v1",
        CommonSettings(service_token_file=token_file),
    )
    try:
        yield RealPayment(database, channel, tenant_id)
    finally:
        await channel.close()
        await server.drain(DRAIN_SECONDS)
