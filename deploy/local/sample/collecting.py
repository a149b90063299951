"""Lets a wallet top itself up: money comes from a card at the sandbox gateway, once it runs low."""

from google.type.money_pb2 import Money as MoneyMessage

from chassis.grpc.client import acting_for
from chassis.grpc.convert import money_from_proto
from deploy.local.sample.directory import account_id_of
from deploy.local.sample.operator import AURORA
from deploy.local.sample.session import SampleError, Session, fixed_id, until
from kernel.money import MICROS_PER_UNIT
from tollbook.payment.v1 import collection_pb2, payment_service_pb2
from tollbook.payment.v1 import collection_service_pb2 as messages
from tollbook.payment.v1.collection_service_pb2_grpc import CollectionServiceStub
from tollbook.payment.v1.payment_service_pb2_grpc import LedgerServiceStub

WALLET_ACCOUNT = "A-1007"
AMOUNT_UNITS = 20
DAILY_LIMIT_UNITS = 60


async def let_a_wallet_top_itself_up(session: Session) -> None:
    """Lay down a policy under which the wallet is low already, and wait until money has come."""
    collecting = CollectionServiceStub(session.channels["payment"])
    with acting_for(AURORA.tenant_id):
        card = await _attach_card(collecting)
        await _lay_down_policy(collecting, card.instrument_id, await _wallet_units(session) + 1)
        ended = await until(f"{WALLET_ACCOUNT} is topped up", lambda: _ended(collecting))
    if ended.state != collection_pb2.COLLECTION_STATE_SUCCEEDED:
        raise SampleError(f"the top-up of {WALLET_ACCOUNT} was declined: {ended.failure_code}")
    received = f"{ended.received.units} {ended.received.currency_code}"
    session.report("Topped up by itself", f"{WALLET_ACCOUNT}, with {received} of {card.label}")


async def _attach_card(collecting: CollectionServiceStub) -> collection_pb2.PaymentInstrument:
    instrument = collection_pb2.PaymentInstrument(
        account_id=account_id_of(AURORA, WALLET_ACCOUNT),
        gateway="stripe",
        customer_reference="cus_pedaal",
        method_reference="pm_card_visa_pedaal",
    )
    request = messages.AttachPaymentInstrumentRequest(
        instrument=instrument, request_id=fixed_id("card", WALLET_ACCOUNT)
    )
    return (await collecting.AttachPaymentInstrument(request)).instrument


async def _lay_down_policy(
    collecting: CollectionServiceStub, instrument_id: str, threshold_units: int
) -> None:
    policy = collection_pb2.TopUpPolicy(
        threshold=_euros(threshold_units),
        amount=_euros(AMOUNT_UNITS),
        daily_limit=_euros(DAILY_LIMIT_UNITS),
        instrument_id=instrument_id,
    )
    request = messages.SetTopUpPolicyRequest(
        account_id=account_id_of(AURORA, WALLET_ACCOUNT),
        policy=policy,
        request_id=fixed_id("top-up", WALLET_ACCOUNT, str(threshold_units)),
    )
    await collecting.SetTopUpPolicy(request)


async def _wallet_units(session: Session) -> int:
    ledger = LedgerServiceStub(session.channels["payment"])
    account_id = account_id_of(AURORA, WALLET_ACCOUNT)
    request = payment_service_pb2.GetBalanceRequest(account_id=account_id)
    balance = (await ledger.GetBalance(request)).balance
    return money_from_proto(balance.wallet).micros // MICROS_PER_UNIT


async def _ended(collecting: CollectionServiceStub) -> collection_pb2.Collection | None:
    """The first top-up, once its outcome is known."""
    request = messages.ListCollectionsRequest(account_id=account_id_of(AURORA, WALLET_ACCOUNT))
    found = (await collecting.ListCollections(request)).collections
    return found[-1] if found and found[-1].HasField("end_time") else None


def _euros(units: int) -> MoneyMessage:
    return MoneyMessage(currency_code="EUR", units=units)
