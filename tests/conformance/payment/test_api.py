"""The doors of payment: what a caller of the contract gets, alike on both databases."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from chassis.bus.handler import apply_together
from chassis.database.engine import Database
from chassis.grpc import running_call
from chassis.grpc.convert import date_to_proto, money_to_proto, range_to_proto
from chassis.grpc.endpoint import Endpoint
from chassis.security import caller
from chassis.security.caller import Caller
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.api.audit import PaymentAuditApi
from services.payment.api.ledger import LedgerApi
from services.payment.api.payments import PaymentApi
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.events.accounts import ACCOUNT_CHANGED
from services.payment.events.usage import CALLS_RATED
from services.payment.store.schema import posting_table
from tests.conformance.payment.books import Books, account, announcement, usage
from tollbook.payment.v1 import payment_service_pb2 as messages
from tollbook.payment.v1.ledger_pb2 import EntryReason, JournalEntry
from tollbook.payment.v1.payment_pb2 import Payment, PaymentMethod
from tollbook.type.v1.watermark_pb2 import Watermark

METHOD = "tollbook.payment.v1.PaymentService/RecordPayment"


@dataclass
class Doors:
    """The servicers, called as ann of acme."""

    database: Database
    books: Books
    payer: Account

    def __post_init__(self) -> None:
        endpoint = Endpoint(self.database)
        self.payments, self.ledger = PaymentApi(endpoint), LedgerApi(endpoint)
        self.audit = PaymentAuditApi(endpoint)

    async def use(self, micros: int) -> None:
        """Charge the account."""
        await self._deliver(CALLS_RATED, usage([(self.payer, micros)]))

    async def announce(self) -> None:
        """Make the account known."""
        await self._deliver(ACCOUNT_CHANGED, announcement(self.payer))

    async def pay(self, request: messages.RecordPaymentRequest) -> Payment:
        """Record a payment."""
        return (await self.payments.RecordPayment(request, None)).payment

    async def _deliver(self, handler: Any, body: Any) -> None:
        envelope = self.books.event(body, self.payer)
        handlers = {handler.type_name: handler}
        await self.database.write(lambda uow: apply_together(handlers, uow, [envelope]))


@pytest.fixture
async def doors(database: Database, books: Books) -> Doors:
    """An announced prepaid account of acme."""
    act_as("acme")
    opened = Doors(database, books, account(PaymentMode.PREPAID))
    await opened.announce()
    return opened


def act_as(tenant_id: str) -> None:
    """Call as ann of a tenant from here on."""
    caller.enter_call(Caller("ann", tenant_id, frozenset()))
    running_call.enter_call(METHOD, None)


def transfer(payer: Account, micros: int, **fields: Any) -> messages.RecordPaymentRequest:
    payment = Payment(
        account_id=payer.account_id,
        method=PaymentMethod.PAYMENT_METHOD_BANK_TRANSFER,
        amount=money_to_proto(Money(payer.currency, micros)),
        value_date=date_to_proto(date(2026, 11, 20)),
        evidence="statement 118, line 4",
    )
    payment.MergeFrom(Payment(**fields))
    return messages.RecordPaymentRequest(payment=payment, request_id=new_uuid())


async def test_a_payment_sent_twice_is_recorded_once(doors: Doors) -> None:
    """The repetition gets the first answer, and the wallet is credited once."""
    request = transfer(doors.payer, 5_000_000, invoice_id=new_uuid())
    first = await doors.pay(request)
    assert await doors.pay(request) == first
    assert first.actor == "ann"
    assert first.invoice_id == request.payment.invoice_id
    found = await doors.payments.GetPayment(
        messages.GetPaymentRequest(payment_id=first.payment_id), None
    )
    assert found.payment == first
    wanted = messages.GetBalanceRequest(account_id=doors.payer.account_id)
    balance = (await doors.ledger.GetBalance(wanted, None)).balance
    assert (balance.currency_code, balance.wallet.units) == ("EUR", 5)


async def test_another_payment_under_the_same_request_id_is_refused(doors: Doors) -> None:
    """An altered request is not a repetition."""
    request = transfer(doors.payer, 5_000_000)
    await doors.pay(request)
    request.payment.amount.units = 50
    with pytest.raises(DomainError, match="REQUEST_ID_REUSED"):
        await doors.pay(request)


async def test_payments_are_listed_newest_first_in_pages(doors: Doors) -> None:
    """Five payments in pages of two: each once, also when a sixth comes in between."""
    recorded = [(await doors.pay(transfer(doors.payer, n))).payment_id for n in range(1, 6)]
    seen, token = [], ""
    while True:
        request = messages.ListPaymentsRequest(
            account_id=doors.payer.account_id, page_size=2, page_token=token
        )
        page = await doors.payments.ListPayments(request, None)
        seen += [payment.payment_id for payment in page.payments]
        if not (token := page.next_page_token):
            break
        await doors.pay(transfer(doors.payer, 99))
    assert seen == recorded[::-1]


async def test_other_tenants_see_nothing(doors: Doors) -> None:
    """Neither payment nor balance, statement or entry crosses to umbrella."""
    payment = await doors.pay(transfer(doors.payer, 5))
    act_as("umbrella")
    account_id = doors.payer.account_id
    refused: list[tuple[Callable[[Any, Any], Awaitable[Any]], Any]] = [
        (doors.payments.GetPayment, messages.GetPaymentRequest(payment_id=payment.payment_id)),
        (doors.ledger.GetBalance, messages.GetBalanceRequest(account_id=account_id)),
        (doors.ledger.GetStatement, messages.GetStatementRequest(account_id=account_id)),
    ]
    for method, request in refused:
        with pytest.raises(DomainError, match=r"PAYMENT_NOT_FOUND|UNKNOWN_ACCOUNT"):
            await method(request, None)
    assert not (await doors.payments.ListPayments(messages.ListPaymentsRequest(), None)).payments
    entries = await doors.ledger.ListJournalEntries(messages.ListJournalEntriesRequest(), None)
    assert not entries.journal_entries


async def statement(doors: Doors, **fields: Any) -> messages.GetStatementResponse:
    request = messages.GetStatementRequest(account_id=doors.payer.account_id, **fields)
    return await doors.ledger.GetStatement(request, None)


async def entries(doors: Doors, **fields: Any) -> list[JournalEntry]:
    """All entries of the tenant, page by page."""
    found: list[JournalEntry] = []
    token = ""
    while True:
        request = messages.ListJournalEntriesRequest(page_size=2, page_token=token, **fields)
        page = await doors.ledger.ListJournalEntries(request, None)
        found += page.journal_entries
        if not (token := page.next_page_token):
            return found


async def test_a_statement_leads_from_its_opening_to_its_closing_balance(doors: Doors) -> None:
    """Of five entries the middle three: opening balance, each entry's own posting, closing."""
    for micros in (10_000_000, 20_000_000, 30_000_000):
        await doors.pay(transfer(doors.payer, micros))
    await doors.use(7_000_000)
    await doors.use(1_000_000)
    times = [entry.create_time.ToMicroseconds() for entry in await entries(doors)]
    assert times == sorted(times)
    every = await statement(doors)
    start = every.entries[1].create_time
    end = every.entries[4].create_time
    middle = await statement(doors, create_time_range={"start_time": start, "end_time": end})
    assert middle.opening_balance.wallet.units == 10
    assert [entry.postings[0].amount.units for entry in middle.entries] == [-20, -30, 7]
    assert {posting.account_id for entry in middle.entries for posting in entry.postings} == {
        doors.payer.account_id
    }
    assert middle.closing_balance.wallet.units == 53
    assert every.opening_balance.wallet.units == 0
    assert every.closing_balance.wallet.units == 52


async def test_a_statement_ends_where_its_first_page_saw_the_end(doors: Doors) -> None:
    """Money that comes in while somebody reads does not change what he reads."""
    for micros in (1_000_000, 2_000_000, 3_000_000):
        await doors.pay(transfer(doors.payer, micros))
    first = await statement(doors, page_size=2)
    await doors.pay(transfer(doors.payer, 50_000_000))
    second = await statement(doors, page_size=2, page_token=first.next_page_token)
    assert [len(first.entries), len(second.entries)] == [2, 1]
    assert second.next_page_token == ""
    assert first.closing_balance == second.closing_balance
    assert first.closing_balance.wallet.units == 6


async def test_a_range_without_entries_opens_and_closes_alike(doors: Doors) -> None:
    """Before the first entry nothing, after the last everything."""
    payment = await doors.pay(transfer(doors.payer, 9_000_000))
    moment = payment.create_time.ToDatetime(tzinfo=None).astimezone()
    later = await statement(
        doors, create_time_range=range_to_proto((moment + timedelta(days=2), None))
    )
    assert not later.entries
    assert later.opening_balance == later.closing_balance
    assert later.opening_balance.wallet.units == 9
    earlier = await statement(
        doors, create_time_range=range_to_proto((None, moment - timedelta(days=2)))
    )
    assert not earlier.entries
    assert earlier.closing_balance.wallet.units == 0


async def test_entries_are_listed_in_the_order_of_writing(doors: Doors) -> None:
    """Both sides of each entry, its cause and its link; all of them or those of one reason."""
    payment = await doors.pay(transfer(doors.payer, 5_000_000))
    await doors.use(2_000_000)
    await doors.use(1_000_000)
    paid, used, also_used = await entries(doors)
    assert [entry.chain_sequence for entry in (paid, used, also_used)] == [1, 2, 3]
    assert (paid.reason, paid.reference, paid.actor) == (
        EntryReason.ENTRY_REASON_PAYMENT,
        payment.payment_id,
        "ann",
    )
    assert used.actor == "rating"
    assert used.reference == f"rating.{doors.payer.chain.partition}.1"
    assert [posting.amount.units for posting in used.postings] == [2, -2]
    assert len(bytes.fromhex(used.hash)) == 32
    assert await entries(doors, reason=EntryReason.ENTRY_REASON_USAGE) == [used, also_used]


async def test_the_digest_tells_sums_up_to_a_watermark_and_the_root(doors: Doors) -> None:
    """Of two events of rating the first counts; the walk covers all."""
    await doors.use(2_000_000)
    await doors.use(1_000_000)
    watermark = Watermark(producer="rating", partition=doors.payer.chain.partition, sequence=1)
    request = messages.GetPaymentDigestRequest(rating_watermarks=[watermark])
    answer = await doors.audit.GetPaymentDigest(request, None)
    (digest,) = answer.digests
    assert digest.tenant_id == "acme"
    assert [amount.units for amount in digest.usage_amounts] == [2]
    assert (answer.entry_count, answer.unbalanced_entry_count) == (2, 0)
    assert not answer.findings
    whole = await doors.audit.GetPaymentDigest(messages.GetPaymentDigestRequest(), None)
    assert whole.ledger_root == answer.ledger_root
    assert [amount.units for amount in whole.digests[0].usage_amounts] == [3]


async def test_the_digest_tells_of_tampering_and_does_not_fail_on_it(doors: Doors) -> None:
    """Not even on a currency that does not exist."""
    await doors.use(2_000_000)
    nonsense = update(posting_table).values(currency="???")
    await doors.database.write(lambda unit_of_work: unit_of_work.connection.execute(nonsense))
    answer = await doors.audit.GetPaymentDigest(messages.GetPaymentDigestRequest(), None)
    assert "entry 1 is not what was written" in answer.findings[0]
