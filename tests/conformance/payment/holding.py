"""Drives transfers on a real database as callers of the contract do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo

from chassis.columns import dictionary, encode, int32, int64, key16, uint8
from chassis.database.engine import Database
from chassis.grpc import running_call
from chassis.grpc.convert import duration_ms_to_proto, money_to_proto
from chassis.grpc.endpoint import Endpoint
from chassis.security import caller
from chassis.security.caller import Caller
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.api.transfers import TransferApi
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.domain.ledger.audit import LedgerAudit, Watermarks
from services.payment.store.funds import funds_of
from services.payment.store.ledger_accounts import balance_of
from services.payment.usecases.funds.execute_transfers import TransferExecution
from services.payment.usecases.ledger.audit_ledger import audit_ledger
from services.payment.usecases.posting.record_payment import record_payment
from tests.conformance.payment.books import Books, account, announcement, apply_events, receipt
from tollbook.payment.v1 import hold_pb2, transfer_service_pb2
from tollbook.rating.v1.rating_events_pb2 import CallsRated
from tollbook.type.v1.call_pb2 import Party


def act_as(tenant_id: str) -> None:
    """Call as the rating of a tenant from here on."""
    caller.enter_call(Caller("rating", tenant_id, frozenset()))
    running_call.enter_call("tollbook.payment.v1.FundsService/UpdateFundsPolicy", None)


@dataclass
class Teller:
    """The doors of one replica."""

    database: Database
    books: Books

    def __post_init__(self) -> None:
        act_as("acme")
        self.api = TransferApi(Endpoint(self.database), TransferExecution(self.database))

    async def do(self, *steps: hold_pb2.Transfer) -> list[Any]:
        """Execute steps in one request."""
        request = transfer_service_pb2.ExecuteTransfersRequest(transfers=steps)
        return list((await self.api.ExecuteTransfers(request, None)).results)

    async def one(self, step: hold_pb2.Transfer) -> Any:
        """Execute one step."""
        (result,) = await self.do(step)
        return result

    async def announce(self, *payers: Account) -> None:
        """Make accounts known."""
        await self.deliver(*[(announcement(payer), payer) for payer in payers])

    async def deliver(self, *bodies: tuple[Message, Account]) -> None:
        """Apply events in one transaction, as the consumer does."""
        envelopes = [self.books.event(body, payer) for body, payer in bodies]
        await self.database.write(lambda unit_of_work: apply_events(unit_of_work, envelopes))

    async def pay(self, payer: Account, micros: int) -> None:
        """Record a payment."""
        stated = receipt(payer, micros)
        await self.database.write(lambda uow: record_payment(uow, payer.tenant_id, stated, "ann"))

    async def customer(self, micros: int, **details: Any) -> Account:
        """A prepaid account with so much in its wallet."""
        payer = account(PaymentMode.PREPAID, **details)
        await self.announce(payer)
        if micros:
            await self.pay(payer, micros)
        return payer

    async def wallet(self, payer: Account) -> int:
        """What is in the wallet of an account, in micros."""
        balance = await self.database.read(lambda connection: balance_of(connection, payer))
        return balance.wallet.micros

    async def held(self, payer: Account) -> int:
        """What is held of an account, in micros."""
        funds = await self.database.read(lambda connection: funds_of(connection, payer))
        return funds.held_micros

    async def audit(self, sequence: int | None = None) -> LedgerAudit:
        """Audit everything, or what rating's logs caused up to a sequence."""
        marks = {} if sequence is None else {("rating", p): sequence for p in range(8)}
        return await self.database.read(lambda c: audit_ledger(c, Watermarks(marks)))

    async def hold(self, hold_id: str) -> hold_pb2.Hold:
        """The hold as GetHold shows it."""
        request = transfer_service_pb2.GetHoldRequest(hold_id=hold_id)
        return (await self.api.GetHold(request, None)).hold


def place(
    payer: Account, micros: int, minimum: int | None = None, **fields: Any
) -> hold_pb2.Transfer:
    """A step that places a hold for a minute."""
    least = None if minimum is None else money(payer, minimum)
    stated: dict[str, Any] = {
        "hold_id": new_uuid(),
        "account_id": payer.account_id,
        "amount": money(payer, micros),
        "minimum": least,
        "validity": duration_ms_to_proto(60_000),
        "reference": "call 1",
    }
    return transfer(place=hold_pb2.PlaceHold(**(stated | fields)))


def change(payer: Account, hold_id: str, micros: int) -> hold_pb2.Transfer:
    """A step that changes a hold."""
    validity = duration_ms_to_proto(120_000)
    amount = money(payer, micros)
    return transfer(change=hold_pb2.ChangeHold(hold_id=hold_id, amount=amount, validity=validity))


def capture(
    payer: Account, hold_id: str, micros: int, charge: int = 1, **fields: Any
) -> hold_pb2.Transfer:
    """A step that captures a charge from a hold."""
    stated: dict[str, Any] = {
        "hold_id": hold_id,
        "charge_id": charge.to_bytes(16),
        "revision": 1,
        "amount": money(payer, micros),
        "event_partition": payer.chain.partition,
        "event_sequence": 1,
    }
    return transfer(capture=hold_pb2.CaptureHold(**(stated | fields)))


def release(hold_id: str) -> hold_pb2.Transfer:
    """A step that releases a hold."""
    return transfer(release=hold_pb2.ReleaseHold(hold_id=hold_id))


def transfer(**step: Any) -> hold_pb2.Transfer:
    """A step under an id of its own."""
    return hold_pb2.Transfer(request_id=new_uuid(), **step)


def money(payer: Account, micros: int) -> Any:
    """An amount in the account's currency."""
    return money_to_proto(Money(payer.currency, micros))


def rated(
    rows: Iterable[tuple[Account, int, int, bytes | None]], revision: int = 1, before: int = 0
) -> CallsRated:
    """An event of charges: payer, number of the charge, what is added, the hold's key if any.

    Each came to `before` until then.
    """
    charges = list(rows)
    columns = {
        "charge_id": key16([number.to_bytes(16) for _, number, _, _ in charges]),
        "revision": int32([revision] * len(charges)),
        "party": uint8([Party.PARTY_CUSTOMER] * len(charges)),
        "payer_account_id": dictionary([payer.account_id for payer, *_ in charges]),
        "currency": dictionary([payer.currency for payer, *_ in charges]),
        "amount": int64([before + micros for _, _, micros, _ in charges]),
        "amount_delta": int64([micros for _, _, micros, _ in charges]),
        "hold_id": key16([hold_id for *_, hold_id in charges]),
    }
    return CallsRated(charges=encode(columns, len(charges)))


def reason(result: Any) -> str:
    """Why a step changed nothing; empty when it did."""
    info = ErrorInfo()
    for detail in result.error.details:
        detail.Unpack(info)
    return str(info.reason)


def micros_of(amount: Any) -> int:
    """An amount of the contract in micros."""
    return int(amount.units * 1_000_000 + amount.nanos // 1_000)
