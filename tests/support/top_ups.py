"""Accounts that top themselves up in a running suite at the sandbox gateway, and a recount."""

import aiohttp
from google.type.money_pb2 import Money

from tests.support.operator import Operator
from tests.support.suite import Suite, request_id
from tollbook.payment.v1 import collection_pb2, payment_pb2
from tollbook.payment.v1 import collection_service_pb2 as service
from tollbook.payment.v1 import payment_service_pb2 as payment
from tollbook.payment.v1.collection_service_pb2_grpc import CollectionServiceStub
from tollbook.payment.v1.payment_service_pb2_grpc import LedgerServiceStub, PaymentServiceStub

PAGE = 500
MICROS_PER_CENT = 10_000
BY_GATEWAY = {payment_pb2.PAYMENT_METHOD_CARD, payment_pb2.PAYMENT_METHOD_DIRECT_DEBIT}


class TopUps:
    """What an operator does to have accounts top themselves up, all in euros."""

    def __init__(self, suite: Suite, operator: Operator) -> None:
        self._suite = suite
        self._operator = operator
        suite.installation.give_gateway_key(operator.tenant_id)
        self.stub = suite.stub(CollectionServiceStub, operator.tenant_id)
        self._ledger = suite.stub(LedgerServiceStub, operator.tenant_id)
        self._payments = suite.stub(PaymentServiceStub, operator.tenant_id)

    async def attach(self, code: str, method: str) -> collection_pb2.PaymentInstrument:
        """Attach a method of the account's own to it."""
        instrument = collection_pb2.PaymentInstrument(
            account_id=self._operator.accounts[code],
            gateway="stripe",
            customer_reference=f"cus_{code}",
            method_reference=method,
        )
        request = service.AttachPaymentInstrumentRequest(
            instrument=instrument, request_id=request_id()
        )
        return (await self.stub.AttachPaymentInstrument(request)).instrument

    async def top_up(self, code: str, instrument_id: str, threshold: int, amount: int) -> None:
        """Let the account take the amount when no more than the threshold is left."""
        policy = collection_pb2.TopUpPolicy(
            threshold=_euros(threshold), amount=_euros(amount), instrument_id=instrument_id
        )
        await self.stub.SetTopUpPolicy(
            service.SetTopUpPolicyRequest(
                account_id=self._operator.accounts[code], policy=policy, request_id=request_id()
            )
        )

    async def policy(self, code: str) -> collection_pb2.TopUpPolicy:
        """How the account tops itself up."""
        request = service.GetTopUpPolicyRequest(account_id=self._operator.accounts[code])
        return (await self.stub.GetTopUpPolicy(request)).policy

    async def collections(self, code: str = "") -> list[collection_pb2.Collection]:
        """Collections of an account, or of all, newest first."""
        account_id = self._operator.accounts[code] if code else ""
        request = service.ListCollectionsRequest(account_id=account_id, page_size=PAGE)
        return list((await self.stub.ListCollections(request)).collections)

    async def asked_count(self) -> int:
        """How often money was asked for."""
        return len(await self.collections())

    async def pending_count(self) -> int:
        """How many collections have no outcome yet."""
        pending = collection_pb2.COLLECTION_STATE_PENDING
        return sum(each.state == pending for each in await self.collections())

    async def wallet_micros(self, code: str) -> int:
        """What is on the account's wallet."""
        request = payment.GetBalanceRequest(account_id=self._operator.accounts[code])
        return _micros((await self._ledger.GetBalance(request)).balance.wallet)

    async def posted(self) -> dict[str, int]:
        """The payments that gateways have made, by collection, as they are in the books."""
        request = payment.ListPaymentsRequest(page_size=PAGE)
        payments = (await self._payments.ListPayments(request)).payments
        return {each.payment_id: _micros(each.amount) for each in payments if _by_gateway(each)}

    async def taken(self) -> dict[str, int]:
        """What the gateway has taken, by collection; more than once for one is an error."""
        taken: dict[str, int] = {}
        async with (
            aiohttp.ClientSession(self._suite.installation.gateway_url) as session,
            session.get("/sandbox/intents") as answer,
        ):
            for intent in await answer.json():
                if intent["account"] != self._operator.tenant_id or not intent["amount_received"]:
                    continue
                collection_id = intent["metadata"]["collection_id"]
                assert collection_id not in taken, f"{collection_id} took money twice"
                taken[collection_id] = intent["amount_received"] * MICROS_PER_CENT
        return taken


def _by_gateway(paid: payment_pb2.Payment) -> bool:
    return paid.method in BY_GATEWAY


def _euros(units: int) -> Money:
    return Money(currency_code="EUR", units=units)


def _micros(amount: Money) -> int:
    return amount.units * 10**6 + amount.nanos // 1_000
